"""A folder, its inventory and its ledger: compared, and made the same by writing to the inventory."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zonewright.declare.load import load_zone
from zonewright.estate.drift import Drift, HeldNode, differences
from zonewright.estate.errors import AdoptionError
from zonewright.estate.folder import compared, remember, write
from zonewright.estate.inventory.netbox import Netbox
from zonewright.estate.inventory.server import read_all
from zonewright.estate.network_drift import NetworkComparison, NetworkDrift, write_networks
from zonewright.estate.places import Places, places_of
from zonewright.estate.reading import KINDS, read_estate
from zonewright.estate.same_inventory import require_same
from zonewright.estate.taking import ASSUMPTIONS, KNOWN, REPORT, assumptions_of, known_ids, take_over
from zonewright.estate.work import AdoptionWork, KnownIds, Named
from zonewright.estate.writing_back import WritingBack
from zonewright.model import Declaration, Site

ENDPOINTS = tuple(endpoint for endpoint, _ in KINDS.values())


@dataclass(kw_only=True)
class EstateComparison:
    """One export.

    Attributes:
        folder: the zone's folder.
        known: ids as the last adoption left them.
        declaration: what stands in the folder.
    """

    folder: Path
    known: KnownIds
    declaration: Declaration
    _sites: Mapping[str, Site] = field(default_factory=dict)
    _networks: Sequence[NetworkDrift] = ()
    _work: AdoptionWork | None = None
    _places: Places | None = None

    @classmethod
    def of(cls, folder: Path) -> "EstateComparison":
        """Read a folder.

        Raises:
            AdoptionError: when no adoption made it, or its declarations are wrong.
        """
        if not (folder / KNOWN).exists():
            raise AdoptionError(f"{folder}: expected {KNOWN}, which zonewright adopt leaves there; adopt first")
        loaded = load_zone(folder)
        if loaded.declaration is None:
            raise AdoptionError(*map(str, loaded.problems))
        return cls(folder=folder, known=known_ids(folder), declaration=loaded.declaration)

    def differences(self, netbox: Netbox, held: Iterable[HeldNode], emptied: Container[str] = ()) -> list[Drift]:
        """What differs between what a ledger holds and what a NetBox says.

        Args:
            netbox: the inventory.
            held: nodes of the ledger.
            emptied: parties of which no node stands any more, as the caller says.
        """
        estate, faults = read_estate(read_all(netbox, ENDPOINTS))
        if faults:
            raise AdoptionError(*faults)
        require_same(self.known, estate)
        told = assumptions_of(self.folder)
        self._work = AdoptionWork(
            estate=estate, assumptions=told, known=self.known, operators=self.known.operators, today=""
        )
        self._places = places_of(self._work)
        types = self.declaration.zone.node_types
        return differences(estate, self.known, self._places.racks, held, types, emptied=emptied)

    def network_differences(self, sites: Mapping[str, Site]) -> Sequence[NetworkDrift]:
        """What differs of VLANs and pools, in the inventory as ``differences`` has read it.

        Args:
            sites: active sites of the ledger by id.
        """
        assert self._work is not None  # noqa: S101 - differences come before
        self._sites = sites
        self._networks = NetworkComparison(estate=self._work.estate, known=self.known).differences(sites)
        return self._networks

    def write(self, netbox: Netbox, found: Sequence[Drift]) -> list[str]:
        """Write differences, and remember what was made; gives what could not be written."""
        assert self._work is not None  # noqa: S101 - differences come before
        assert self._places is not None  # noqa: S101 - as above
        compared = NetworkComparison(estate=self._work.estate, known=self.known)
        write_networks(netbox, compared, self._networks, self._sites)
        writing = WritingBack(
            inventory=netbox, work=self._work, places=self._places, node_types=self.declaration.zone.node_types
        )
        made = writing.write(found)
        nodes = self.known.objects.setdefault("nodes", {})
        for one in found:
            if one.what == "leaves" and one.device is not None:
                nodes.pop(one.device, None)
        for number, difference in made.items():
            node = difference.node
            if node is not None:
                scope = f"{node.party}/{node.cluster}"
                nodes[number] = Named(id=f"{node.number:03}", name=node.host, scope=scope)
        self._remember(read_all(netbox, ENDPOINTS))
        return writing.left

    def _remember(self, answers: Mapping[str, Sequence[Any]]) -> None:
        """What the inventory says now is what the ledger holds: the next adoption compares with it."""
        remember(self.folder, {KNOWN: self.known.model_dump_json(indent=1, exclude_defaults=True) + "\n"}, own=True)
        taken = take_over(
            answers, self.folder, source=self.known.source, operators=self.known.operators, today=self.known.first
        )
        files = dict(taken.files)
        known = files.pop(KNOWN)
        states = compared(self.folder, files, merged={ASSUMPTIONS})
        ours = [one for one in states if one.name in {REPORT, ASSUMPTIONS} or one.name.startswith("import-")]
        write(self.folder, files, ours)
        keep = {one.name for one in states if one.state in {"edited", "conflict"}}
        remember(self.folder, {name: text for name, text in files.items() if name in keep})
        remember(self.folder, {KNOWN: known}, own=True)
