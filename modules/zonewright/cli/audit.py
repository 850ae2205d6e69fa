"""``zonewright audit``: verify a bundle offline, and whether the list of changes is complete."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.ledger import DEFAULT
from zonewright.cli.options import add_format
from zonewright.cli.trust import add_trust, kept_checkpoint, trust_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zonewright.audit.evidence.checks import Check

_SECRETS = "replace them, and see docs/how-to/keep-secrets-out.md"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``audit``."""
    parser = commands.add_parser(
        "audit", help="verify evidence offline", description="Verify what was approved and done, without a server."
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    verify = verbs.add_parser(
        "verify",
        help="verify a bundle, offline",
        description=(
            "Judge a bundle again: digests, declaration, rendering, rules, energy ratio, signatures, policy, "
            "journal. Print one line for each check."
        ),
        epilog=(
            "Exit codes: 0 nothing is wrong, 1 something is wrong, 2 it is not a bundle. 'not-checked' says what "
            "is missing."
        ),
    )
    verify.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder or .tar of the bundle")
    add_trust(verify)
    add_format(verify)
    verify.set_defaults(run=_verify, extra="audit")
    telemetry = verbs.add_parser(
        "telemetry",
        help="verify what an agent signed, offline",
        description=(
            "Judge a file of 'zonewright pue signed --out' again: the chain of the agent's batches, the heads that its "
            "host signed, and whether the journal had the key and the heads then. Print one line for each check."
        ),
        epilog="Exit codes: 0 nothing is wrong, 1 something is wrong, 2 it is not such a file.",
    )
    telemetry.add_argument("file", type=Path, metavar="FILE", help="what an agent signed")
    telemetry.add_argument(
        "--bundle",
        type=Path,
        metavar="BUNDLE",
        help="verify a change's bundle too, and compare the signed readings of its evidence",
    )
    add_trust(telemetry)
    add_format(telemetry)
    telemetry.set_defaults(run=_telemetry, extra="audit")
    complete = verbs.add_parser(
        "complete",
        help="check that the list of changes is complete",
        description=(
            "Compare the population of changes with the journal: every admission and refusal must have its record."
        ),
    )
    complete.add_argument("--ledger", default=DEFAULT, metavar="URL", help=f"the ledger's URL (default: {DEFAULT})")
    complete.add_argument("--checkpoint", type=Path, metavar="FILE", help="a checkpoint of the journal that you kept")
    add_format(complete)
    complete.set_defaults(run=_complete)
    period = verbs.add_parser(
        "period",
        help="print one page about everything unusual in a period",
        description=(
            "Print everything unusual in a period: overrides, waivers, emergencies, forced take-overs, "
            "undetermined figures, readings below trust class signed, removed readings, refusals, and what is "
            "not proved. A row that looks like a secret is withheld."
        ),
        epilog="Exit codes: 0 good, 1 a row was withheld, 2 misuse, 3 not decided.",
    )
    period.add_argument("--from", dest="first", required=True, metavar="DAY", help="first day, such as 2026-01-01")
    period.add_argument("--to", dest="last", required=True, metavar="DAY", help="last day")
    period.add_argument("--ledger", default=DEFAULT, metavar="URL", help=f"the ledger's URL (default: {DEFAULT})")
    add_format(period)
    period.set_defaults(run=_period)


def _verify(arguments: argparse.Namespace) -> int:
    from zonewright.audit.evidence.bundle import read_bundle
    from zonewright.audit.verify.verify import verify_bundle
    from zonewright.own_rules import only_trusted

    with only_trusted(os.environ):
        checks = verify_bundle(read_bundle(arguments.bundle), trust=trust_of(arguments))
    return _tell(checks, arguments.format)


def _telemetry(arguments: argparse.Namespace) -> int:
    from zonewright.audit.evidence.bundle import read_bundle
    from zonewright.audit.evidence.contents import read_contents
    from zonewright.audit.evidence.signed_file import read_signed
    from zonewright.audit.verify.signed_readings import bundle_check
    from zonewright.audit.verify.telemetry import signed_checks
    from zonewright.audit.verify.verify import verify_bundle
    from zonewright.changes.errors import BundleError
    from zonewright.own_rules import only_trusted

    trust, vouched = trust_of(arguments), set[int]()
    try:
        bundle = None if arguments.bundle is None else read_bundle(arguments.bundle)
        contents = None if bundle is None else read_contents(bundle)
        facts = None if contents is None else contents.facts(contents.snapshot)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"{arguments.bundle} is no bundle that can be read: {error}; verify it first") from None
    held, batches = read_signed(arguments.file)
    checks = list(signed_checks(held, batches, known=trust.checkpoint, ledger_key=trust.ledger_key, vouched=vouched))
    if bundle is not None and facts is not None:
        _, again = read_signed(arguments.file)
        checks.append(bundle_check(facts, held, again, vouched))
        with only_trusted(os.environ):
            checks += verify_bundle(bundle, trust=trust)  # facts of a bundle that was written anew prove nothing
    return _tell(checks, arguments.format)


def _tell(checks: "Sequence[Check]", how: str) -> int:
    import textwrap
    from dataclasses import asdict

    from zonewright.cli.output import GOOD, REFUSED, print_json, width

    wrong = sum(check.verdict == "wrong" for check in checks)
    if how == "json":
        print_json({"checks": [asdict(check) for check in checks], "wrong": wrong})
        return REFUSED if wrong else GOOD
    for check in checks:
        print(textwrap.fill(check.line(), width(), subsequent_indent=" " * 13, break_on_hyphens=False))
    left = sum(check.verdict == "not-checked" for check in checks)
    tail = f"{wrong} wrong" if wrong else "nothing is wrong"
    print(f"{len(checks)} checks: {tail}{f', {left} not checked' if left else ''}")
    return REFUSED if wrong else GOOD


def _complete(arguments: argparse.Namespace) -> int:
    from zonewright.audit.evidence.gathering import whole_journal
    from zonewright.audit.verify.population import population_checks
    from zonewright.cli.connection import open_ledger
    from zonewright.cli.garbage import seldom_collected
    from zonewright.cli.output import REFUSED, StoppedError
    from zonewright.declare.stack_file import project_root
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.change_messages import ChangesRequest
    from zonewright.ledger.store.journal import verify_checkpoint

    checkpoint = kept_checkpoint(arguments.checkpoint)
    if checkpoint is not None and (wrong := verify_checkpoint(checkpoint)):
        raise StoppedError(wrong, code=REFUSED)
    with open_ledger(arguments.ledger, project_root(Path.cwd())) as ledger, seldom_collected():
        found = ledger.call(verbs.CHANGES, ChangesRequest())
        checks = population_checks(whole_journal(ledger), found, checkpoint)
    return _tell(checks, arguments.format)


def _period(arguments: argparse.Namespace) -> int:
    from datetime import date

    from zonewright.audit.evidence.fetching import fetch
    from zonewright.audit.evidence.gathering import whole_journal
    from zonewright.audit.evidence.period import period_markdown, period_of
    from zonewright.audit.evidence.scanning import without_secrets
    from zonewright.cli.connection import open_ledger
    from zonewright.cli.output import GOOD, MISUSE, REFUSED, StoppedError, print_json
    from zonewright.declare.stack_file import project_root
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.change_messages import ChangesRequest
    from zonewright.rules.words import count_of

    for option, text in (("--from", arguments.first), ("--to", arguments.last)):
        try:
            date.fromisoformat(text)
        except ValueError:
            sentence = f"{option}: expected a day such as 2026-01-01, got '{text}'"
            raise StoppedError(sentence, code=MISUSE) from None
    if arguments.first > arguments.last:
        raise StoppedError(f"--to: expected {arguments.first} or later, got {arguments.last}", code=MISUSE)
    with open_ledger(arguments.ledger, project_root(Path.cwd())) as ledger:
        changes = ledger.call(verbs.CHANGES, ChangesRequest()).changes
        found = period_of(
            whole_journal(ledger),
            changes,
            lambda digests: fetch(ledger, digests),
            first=arguments.first,
            last=arguments.last,
        )
    page, withheld = without_secrets(found)
    if arguments.format == "json":
        print_json(page.to_data())
    else:
        print(period_markdown(page), end="")
    for one in withheld:
        print(one, file=sys.stderr)
    if withheld:
        what = count_of(len(withheld), "place")
        raise StoppedError(f"{what} above looked like secrets, so their text is withheld; {_SECRETS}", code=REFUSED)
    return GOOD
