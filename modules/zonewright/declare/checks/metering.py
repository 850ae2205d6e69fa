"""Cross checks of meters that agents and gateways read: each source is there once, and fits what the meter is for."""

from collections.abc import Iterator

from zonewright.declare.checks.known import Known
from zonewright.declare.problem import Fault, Path, one_of, shown, unknown
from zonewright.model import OwnerFile, Site
from zonewright.model.metering import Meter, MeterSource
from zonewright.model.rule_pack import chain_of

_OF_THE_HOST = "server-input"


def metering_faults(known: Known, owner: str, file: OwnerFile) -> Iterator[Fault]:
    """What is wrong with the sources of an owner's meters, and with the hosts that read them."""
    for site_id, site in file.sites.items():
        path: Path = ("sites", site_id)
        yield from _hosts_elsewhere(known, owner, path, site)
        first: dict[tuple[str, str], str] = {}
        for name, meter in site.meters.items():
            if meter.source is not None:
                at = (*path, "meters", name)
                yield from _source(known, owner, at, site, meter.source)
                yield from _use(known, owner, at, site, meter)
                yield from _second(owner, at, meter.source, first)


def _hosts_elsewhere(known: Known, owner: str, path: Path, site: Site) -> Iterator[Fault]:
    """A host stands at one site: the first one that declares it, in the order of owners and sites."""
    for other, file in sorted(known.owners.items()):
        for other_id, one in sorted(file.sites.items()):
            if (other, other_id) < (owner, path[1]):
                for host in sorted(site.hosts.keys() & one.hosts.keys()):
                    yield Fault(
                        owner=owner,
                        path=(*path, "hosts", host),
                        what="a host at two sites",
                        expected="each host that reads meters at one site of the zone",
                        got=f"{shown(host)}, which {other_id} has as well",
                        fix="give one of them another id, or remove it from the site where it does not stand",
                    )


def _source(known: Known, owner: str, path: Path, site: Site, source: MeterSource) -> Iterator[Fault]:
    """The host is declared, and so is what it reads."""
    if source.host not in site.hosts:
        if not known.unsure(owner, (*path[:2], "hosts", source.host)):
            fix = "add the host to the site's hosts"
            at = (*path, "source", "host")
            yield unknown("host", source.host, site.hosts, owner=owner, path=at, otherwise=fix)
        return
    host = site.hosts[source.host]
    if source.device is not None and source.device not in host.devices:
        fix = f"add it to the devices of {source.host}"
        at = (*path, "source", "device")
        yield unknown("device", source.device, host.devices, owner=owner, path=at, otherwise=fix)
    if source.reads is not None and source.reads not in host.sources:
        yield Fault(
            owner=owner,
            path=(*path, "source", "reads"),
            what="a source that the host does not have",
            expected=one_of(host.sources),
            got=shown(source.reads),
            fix=f"add it to the sources of {source.host}, or name the device that a gateway reads",
        )


def _use(known: Known, owner: str, path: Path, site: Site, meter: Meter) -> Iterator[Fault]:
    """What a host says of itself is no meter of anything else, and counts as IT energy only where the pack says so."""
    source = meter.source
    if source is None or source.reads is None:
        return
    name, boundary = path[-1], site.boundary
    is_facility = boundary is not None and name in boundary.facility
    is_counted = boundary is not None and (is_facility or name in boundary.it)
    if meter.point != _OF_THE_HOST or is_facility or (source.reads == "rapl" and is_counted):
        is_rapl = source.reads == "rapl"
        what = "processors and memory of a host" if is_rapl else "the power meter of a host"
        yield Fault(
            owner=owner,
            path=(*path, "source", "reads"),
            what=f"{what} as a billing meter",
            expected="a device that measures what the facility takes"
            if is_facility
            else f"a device that measures at the point {meter.point}",
            got=f"{source.reads} of {source.host}, which "
            + ("leaves out fans, disks and losses of the host" if is_rapl else "measures that host alone"),
            fix="name the gateway and its device, or remove the source and import the meter's readings",
        )
    elif is_counted and boundary is not None and known.zone is not None:
        packs = chain_of(known.zone.rule_packs, known.zone.rule_pack)
        if not (packs and packs[0].node_energy) or boundary.category != "PUE3":
            yield Fault(
                owner=owner,
                path=(*path, "source", "reads"),
                what="a host's own power meter in a boundary that does not take it",
                expected="node_energy: true in the zone's rule pack, and the category PUE3",
                got=f"{'no such pack' if not (packs and packs[0].node_energy) else boundary.category}",
                fix="name a meter of the PDU or the UPS, or ask the administrator for such a pack",
            )


def _second(owner: str, path: Path, source: MeterSource, first: dict[tuple[str, str], str]) -> Iterator[Fault]:
    """One source is one meter: counted twice, it would be energy twice."""
    other = first.setdefault((source.host, source.what), path[-1])
    if other != path[-1]:
        yield Fault(
            owner=owner,
            path=(*path, "source"),
            what="two meters with one source",
            expected="a source of its own for each meter",
            got=f"{source}, which {other} has as well",
            fix="correct one of them, or remove one of the meters",
        )
