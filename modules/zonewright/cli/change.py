"""``zonewright change``: plan a change, show it, have it approved, export its bundle, list all changes."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.change_plan import plan_change, tell_plan
from zonewright.cli.ledger import DEFAULT
from zonewright.cli.options import add_format
from zonewright.cli.trust import add_trust, trust_of

if TYPE_CHECKING:
    from zonewright.ledger.protocol.change_messages import PlanAnswer
    from zonewright.ledger.transport.client import LedgerClient
    from zonewright.seal.statement import Verdict

STATES = ("planned", "approved", "rejected", "admitted", "applied", "refused", "failed", "expired")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``change``."""
    parser = commands.add_parser(
        "change",
        help="plan a change, have it approved, export its evidence",
        description="Plan changes, approve them and keep their evidence.",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    _add_plan(verbs)
    for name, function, text in (
        ("show", _show, "show a plan, what it needs, and who has signed"),
        ("export", _export, "write the bundle of a plan, as a folder or a .tar"),
        ("approve", _approve, "verify a plan's bundle and sign an approval"),
        ("reject", _reject, "sign a rejection"),
    ):
        verb = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        verb.add_argument("plan", metavar="PLAN", help="digest of the plan, or its first characters")
        verb.add_argument("--ledger", default=DEFAULT, metavar="URL", help=f"the ledger's URL (default: {DEFAULT})")
        if name == "export":
            verb.add_argument(
                "--output", type=Path, required=True, metavar="PATH", help=("folder or FILE.tar to write")
            )
            verb.add_argument("--for-party", action="store_true", help=("leave out the facts of other parties"))
            verb.add_argument(
                "--show",
                action="append",
                default=[],
                metavar="FACT",
                help=(
                    "with --for-party: also show this fact of the plan, such as claims/qp-dc1/b/1.json; may be repeated"
                ),
            )
            _add_key(verb, required=False, what=("with --for-party: sign what the plan does not bind, with "))
        if name in ("approve", "reject"):
            _add_key(verb, required=True)
            verb.add_argument("--comment", default="", metavar="TEXT", help="why", required=name == "reject")
            verb.add_argument(
                "--viewed",
                action="append",
                metavar="CODE",
                help="code of a group of differences that you have seen, from the report; it is signed too; may be "
                "repeated",
            )
        else:
            add_format(verb)
        verb.set_defaults(run=function)
    _add_report(verbs)
    every = verbs.add_parser("list", help="list all changes", description=("List all changes, including refused ones."))
    every.add_argument("--ledger", default=DEFAULT, metavar="URL", help=f"the ledger's URL (default: {DEFAULT})")
    every.add_argument("--stack", metavar="NAME", help="only those of this stack, from its own ledger")
    every.add_argument("--state", choices=STATES, help="only those in this state")
    add_format(every)
    every.set_defaults(run=_list)


def _add_plan(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    plan = verbs.add_parser(
        "plan",
        help="plan a stack's change, sign and register it",
        description=("Propose, render and judge a stack's change. Write its bundle, sign the plan and register it."),
        epilog="Exit codes: 0 planned, 1 refused by a rule that no approval covers, 2 misuse, 3 not decided.",
    )
    plan.add_argument("--stack", required=True, metavar="NAME", help="name of the stack")
    plan.add_argument("--ledger", metavar="URL", help="a ledger other than the stack's own")
    plan.add_argument("--reason", default="", metavar="TEXT", help=("why, for the people who approve it"))
    plan.add_argument(
        "--emergency", action="store_true", help=("use the emergency lane; the change is reviewed afterwards")
    )
    _add_key(plan, required=False)
    add_format(plan)
    plan.set_defaults(run=plan_change)


def _add_report(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    report = verbs.add_parser(
        "report",
        help="write a bundle's report: HTML, Markdown or JSON",
        description="Write the report of a bundle: differences, racks before and after, energy ratio, approvals, "
        "verification. The HTML is one file without scripts.",
    )
    report.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder or .tar of the bundle")
    report.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help=("file to write; .html, .md or .json decides the form"),
    )
    add_trust(report)
    report.set_defaults(run=_report, extra="audit")


def _add_key(verb: argparse.ArgumentParser, *, required: bool, what: str = "") -> None:
    verb.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        required=required,
        help=f"{what}your Ed25519 key: PEM, OpenSSH, or the .pub file of a key in your ssh-agent",
    )


def _bundle(arguments: argparse.Namespace) -> "tuple[dict[str, bytes], PlanAnswer | None]":
    from zonewright.audit.evidence.party import bundle_of
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.change_messages import ChangesRequest, PlanAnswer, PlanQuery

    with _open(arguments) as ledger:
        bundle = bundle_of(ledger, PlanQuery(plan=arguments.plan))
        record = ledger.call(verbs.PLAN_OF, PlanQuery(plan=arguments.plan))
        found = ledger.call(verbs.CHANGES, ChangesRequest()).changes
    for one in found:
        if one.plan and record.plan is not None and one.plan == _digest(record.plan):
            return bundle, PlanAnswer(plan=one.plan, state=one.state, sentences=one.sentences)
    return bundle, None


def _digest(text: str) -> str:
    from zonewright.model.canonical import digest_of

    return digest_of(text)


def _open(arguments: argparse.Namespace) -> "LedgerClient":
    from zonewright.cli.connection import open_ledger
    from zonewright.declare.stack_file import project_root

    return open_ledger(arguments.ledger, project_root(Path.cwd()))


def _show(arguments: argparse.Namespace) -> int:
    from zonewright.audit.evidence.contents import read_contents
    from zonewright.audit.verify.signatures import signature_checks

    bundle, answer = _bundle(arguments)
    tell_plan(arguments, bundle, answer, {})
    if arguments.format == "text":
        for check in signature_checks(read_contents(bundle), None):
            print(f"  {check.line()}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from zonewright.audit.evidence.archive import pack
    from zonewright.audit.evidence.bundle import write_folder
    from zonewright.audit.evidence.contents import read_contents
    from zonewright.audit.evidence.keys import load_key_here
    from zonewright.audit.evidence.layout import PARTIAL
    from zonewright.audit.evidence.party import for_party, signed_for_party
    from zonewright.audit.evidence.scanning import scanned
    from zonewright.changes.errors import BundleError
    from zonewright.cli.output import MISUSE, StoppedError, print_json
    from zonewright.cli.secret import refuse_secrets
    from zonewright.model.canonical import digest_of

    alone = [] if arguments.for_party else [("--show", arguments.show, "shows all facts")]
    alone += [] if arguments.for_party else [("--key", arguments.key, "has the signed journal")]
    faults = [f"{option}: expected --for-party too; the zone's bundle {why}" for option, given, why in alone if given]
    if faults:
        raise StoppedError(*faults, code=MISUSE)
    bundle, _answer = _bundle(arguments)
    refuse_secrets(map(str, scanned(read_contents(bundle))))
    if arguments.for_party:
        try:
            bundle = for_party(bundle, arguments.show)
        except BundleError as error:
            raise StoppedError(f"--show: {error}", code=MISUSE) from None
        if arguments.key is not None:
            bundle = signed_for_party(bundle, load_key_here(arguments.key))
    if PARTIAL in bundle and not arguments.for_party:
        print(
            "the ledger gives a party its own form of the bundle, without the facts of others; ask an auditor for the "
            "complete one",
            file=sys.stderr,
        )
    document = {"path": str(arguments.output), "files": len(bundle)}
    if arguments.output.suffix == ".tar":
        data = pack(bundle)
        arguments.output.write_bytes(data)
        document["digest"] = digest_of(data)
    else:
        write_folder(arguments.output, bundle)
    if arguments.format == "json":
        print_json(document)
    else:
        print(f"{document['files']} files in {arguments.output} {document.get('digest', '')}".rstrip())
    return 0


def _approve(arguments: argparse.Namespace) -> int:
    from zonewright.audit.verify.verify import verify_bundle
    from zonewright.cli.output import REFUSED, StoppedError
    from zonewright.own_rules import only_trusted

    bundle, _answer = _bundle(arguments)
    with only_trusted(os.environ):  # the ledger ran its zone's rules; here only what the approver has read is run
        checks = verify_bundle(bundle)
    for check in checks:
        if check.verdict == "not-checked" and check.name.startswith("rules"):
            print(check.line())
    against = [check for check in checks if check.verdict == "wrong"]
    if against:
        for check in against:
            print(check.line())
        raise StoppedError("the plan's bundle does not verify, so nothing was signed", code=REFUSED)
    return _vote(arguments, bundle, "approve")


def _reject(arguments: argparse.Namespace) -> int:
    bundle, _answer = _bundle(arguments)
    return _vote(arguments, bundle, "reject")


def _vote(arguments: argparse.Namespace, bundle: "Mapping[str, bytes]", verdict: "Verdict") -> int:
    from datetime import UTC, datetime

    from zonewright.audit.evidence.contents import read_contents
    from zonewright.audit.evidence.grouped import viewed_groups
    from zonewright.audit.evidence.keys import load_key_here
    from zonewright.audit.evidence.submit import vote
    from zonewright.audit.report.describe import plan_lines
    from zonewright.changes.errors import BundleError
    from zonewright.cli.output import MISUSE, REFUSED, StoppedError, width
    from zonewright.model.secret_scan import suspicions

    if suspicions({"": arguments.comment}):
        sentence = "--comment seems to hold a secret, and everybody can read it; nothing was signed"
        raise StoppedError(sentence, code=REFUSED)
    contents, key = read_contents(bundle), load_key_here(arguments.key)
    try:
        viewed = None if arguments.viewed is None else viewed_groups(contents, arguments.viewed)
    except BundleError as error:
        raise StoppedError(f"--viewed: {error}", code=MISUSE) from None
    for line in plan_lines(contents, columns=width()):
        print(line)
    at = datetime.now(UTC).isoformat()
    with _open(arguments) as ledger:
        signer, answer = vote(ledger, contents, key, verdict=verdict, comment=arguments.comment, at=at, viewed=viewed)
    print(f"{'approved' if verdict == 'approve' else 'rejected'} by {signer}; the plan is now: {answer.state}")
    for sentence in answer.sentences:
        print(f"  {sentence}")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from zonewright.audit.report.describe import record_line
    from zonewright.cli.connection import stack_and_ledger
    from zonewright.cli.output import print_json
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.change_messages import ChangesRequest

    names: dict[str, str] = {}
    stack_id = ""
    if arguments.stack:
        _root, stack, ledger = stack_and_ledger(arguments.stack, None)
        stack_id, names = stack.stack_id, {stack.stack_id: stack.name}
    else:
        ledger = _open(arguments)
    with ledger:
        found = ledger.call(verbs.CHANGES, ChangesRequest(stack_id=stack_id, state=arguments.state or ""))
    if arguments.format == "json":
        print_json(found.model_dump(mode="json"))
        return 0
    for record in found.changes:
        print(record_line(record, names))
        for sentence in record.sentences:
            print(f"    {sentence}")
    counts = f"{found.admissions:,} admissions and {found.refusals:,} refusals"
    print(f"{len(found.changes):,} changes; the ledger has {counts}")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    import json
    from dataclasses import replace

    from zonewright.audit.evidence.bundle import read_bundle
    from zonewright.audit.evidence.contents import read_contents
    from zonewright.audit.report.html import report_html
    from zonewright.audit.report.report import report_of
    from zonewright.audit.report.text import report_data, report_markdown
    from zonewright.audit.verify.signatures import trusted_zone
    from zonewright.audit.verify.verify import verify_bundle
    from zonewright.changes.errors import BundleError
    from zonewright.cli.output import FORMAT_VERSION, MISUSE, StoppedError
    from zonewright.cli.secret import refuse_secrets
    from zonewright.model.secret_scan import suspicions
    from zonewright.own_rules import only_trusted

    kind = arguments.output.suffix
    if kind not in (".html", ".md", ".json"):
        raise StoppedError(f"{arguments.output}: expected FILE.html, FILE.md or FILE.json", code=MISUSE)
    trust = trust_of(arguments)
    try:
        files = read_bundle(arguments.bundle)
        with only_trusted(os.environ):
            checks = verify_bundle(files, trust=trust)
        contents = read_contents(files)
        report = report_of(replace(contents, zone=trusted_zone(contents, trust.keys)), checks, trust=trust)
    except (BundleError, ValueError, KeyError) as error:
        raise StoppedError(f"{arguments.bundle}: {error}", code=MISUSE) from None
    if kind == ".json":
        text = json.dumps({"version": FORMAT_VERSION, **report_data(report)}, indent=2) + "\n"
    else:
        text = report_html(report) if kind == ".html" else report_markdown(report)
    refuse_secrets(map(str, suspicions({arguments.output.name: text})))
    arguments.output.write_text(text, encoding="utf-8")
    print(arguments.output)
    return 0
