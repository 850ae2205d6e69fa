"""What of a bundle or a page is looked at for secrets: all that people wrote or that was rendered from it."""

from collections.abc import Mapping
from dataclasses import replace

from zonewright.audit.evidence.contents import Contents
from zonewright.audit.evidence.layout import BEFORE, DEMAND, INPUTS, JOURNAL, PLAN, PROPOSAL, RENDERED, ROLLOUTS
from zonewright.audit.evidence.period import PeriodPage, PeriodRow
from zonewright.audit.evidence.pruned import PRUNED, SUMS
from zonewright.changes.validated import VALIDATORS
from zonewright.ledger.deciding.party_facts import SALT
from zonewright.ledger.protocol.change_messages import Plan
from zonewright.model.secret_scan import Suspicion, suspicions
from zonewright.seal import SealError
from zonewright.seal.votes import opened

_NUMBERS = ("readings/", SUMS, PRUNED)
"""Facts of numbers and digests, which are judged as such and look like nothing else."""


def scanned(contents: Contents) -> tuple[Suspicion, ...]:
    """What looks like a secret in a bundle.

    Args:
        contents: the bundle.
    """
    old, new = contents.changed()
    texts = {path: contents.texts[path] for path in (PLAN, DEMAND, PROPOSAL, VALIDATORS)}
    texts |= {f"{INPUTS}/{name}": text for name, text in contents.inputs.items()}
    texts |= {f"{BEFORE}: {path}": text for path, text in old.items()}
    texts |= {f"{RENDERED}: {path}": text for path, text in new.items()}
    for name, text in contents.facts(contents.snapshot).items():
        # A snapshot's salt is random by purpose; that it is nothing else is a check of its own.
        if not name.startswith(_NUMBERS) and name != SALT:
            texts[f"snapshot: {name}"] = text
    for number, text in enumerate(contents.verdicts, 1):
        try:
            _signer, _key, said = opened(text, contents.zone.signers)
        except SealError:
            continue
        texts[f"verdict {number}"] = str(said.predicate.get("comment", ""))
    told = {JOURNAL: contents.texts.get(JOURNAL, "")}
    told |= {path: text for path, text in contents.texts.items() if path.startswith(f"{ROLLOUTS}/")}
    return (*suspicions(texts), *suspicions(told, words=False))


def without_secrets(period: PeriodPage) -> tuple[PeriodPage, tuple[Suspicion, ...]]:
    """A page on which rows that look like secrets have lost their text; and which ones these are.

    Not the whole page is refused, as a report is: the journal keeps what is in it, and an auditor needs the rest.

    Args:
        period: the page.
    """
    found: list[Suspicion] = []
    sections: dict[str, tuple[PeriodRow, ...]] = {}
    for title, rows in period.sections.items():
        kept = []
        for row in rows:
            place = f"{title}: {row.at[:16]}"
            here = (*suspicions({place: row.what}), *suspicions({place: row.stack}, words=False))
            found += here
            kept.append(PeriodRow(at=row.at, stack="", what=f"withheld: it looks like {here[0].kind}") if here else row)
        sections[title] = tuple(kept)
    return replace(period, sections=sections), tuple(found)


def scanned_plan(plan: Plan, texts: Mapping[str, str], rendered: Mapping[str, str]) -> tuple[Suspicion, ...]:
    """What looks like a secret in a change before it is planned.

    Args:
        plan: the plan, with its reason.
        texts: the declaration's files by name.
        rendered: text by path of the rendered files that are not deployed as they are.
    """
    return suspicions({**texts, **rendered, "reason": plan.reason})
