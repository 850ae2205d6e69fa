"""The files of a proposal on their way into the ledger: rendered, judged where the zone asks for it, kept by digest."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zonewright.changes.gating import judge_gated, passed_of
from zonewright.changes.rendering import files_by_site, rendered_files
from zonewright.changes.storing import store_texts
from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import Demand
from zonewright.model.former_names import FormerNames
from zonewright.render.formats.format_set import FormatSet
from zonewright.rules.alike import alike
from zonewright.rules.finding import worst_first
from zonewright.rules.words import count_of

_RENDERED = {"demand_digest", "seats", "addresses", "sites", "surroundings", "serials", "former"}
"""What of a proposal its files are made from."""


@dataclass(frozen=True, slots=True)
class BroughtFiles:
    """The files of a change that the ledger has now.

    Attributes:
        manifest: digest of their list, which an admission names.
        parts: digest of the list of each site's files, by site.
    """

    manifest: str
    parts: Mapping[str, str]


def made_from(proposal: Proposal) -> str:
    """A digest of all that the files of a proposal are made from: where two have the same, so have their files."""
    return digest_of(proposal.model_dump_json(include=_RENDERED))


def bring_files(  # noqa: PLR0917 - what files are made from, and for whom
    ledger: LedgerClient, demand: Demand, proposal: Proposal, formats: FormatSet, zone: Zone, root: Path | None = None
) -> BroughtFiles:
    """Render all files of a proposal and have the ledger keep them for a day.

    Args:
        ledger: where they are kept.
        demand: what the stack wants.
        proposal: what the ledger offers for it.
        formats: the zone's formats.
        zone: the zone's file, with its policy on formats.
        root: folder whose ``.zonewright`` has signed verdicts on files of gated formats; None where there is none.

    Raises:
        RenderError: when something cannot be rendered; nothing was kept.
        LedgerRefusedError: with the findings, when the zone does not let the files be deployed; nothing was kept.
    """
    demand = FormerNames(proposal.former).demand(demand)
    files = rendered_files(demand, proposal, formats)
    if gated := judge_gated(files, formats, zone, root):
        found = worst_first([*(one for one in proposal.findings if one.refuses), *gated])
        raise LedgerRefusedError("findings", f"{count_of(len(alike(found)), 'finding')}; nothing was claimed", found)
    manifest = {path: digest_of(text) for path, text in files.items()}
    text = canonical_json(manifest)
    passed = [one for one in (passed_of(files, zone),) if one]
    store_texts(ledger, [text, *passed, *files.values()])
    whole = digest_of(text)
    return BroughtFiles(
        whole,
        {
            site: whole if of_site == manifest else digest_of(canonical_json(of_site))
            for site, of_site in files_by_site(demand, manifest).items()
        },
    )
