"""What of a bundle is looked at for secrets: all that people wrote or that was rendered from it."""

from collections.abc import Mapping

from zonewright.audit.contents import Contents
from zonewright.audit.gathering import JOURNAL
from zonewright.audit.planning import BEFORE, DEMAND, INPUTS, PLAN, PROPOSAL, RENDERED
from zonewright.audit.pruned import PRUNED, SUMS
from zonewright.audit.validated import VALIDATORS
from zonewright.ledger.change_messages import Plan
from zonewright.ledger.snapshot import SALT
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
    return (*suspicions(texts), *suspicions({JOURNAL: contents.texts.get(JOURNAL, "")}, words=False))


def scanned_plan(plan: Plan, texts: Mapping[str, str], rendered: Mapping[str, str]) -> tuple[Suspicion, ...]:
    """What looks like a secret in a change before it is planned.

    Args:
        plan: the plan, with its reason.
        texts: the declaration's files by name.
        rendered: text by path of the rendered files that are not deployed as they are.
    """
    return suspicions({**texts, **rendered, "reason": plan.reason})
