"""Switches of a site, in the words of NetBox: their role, their platform, and what each interface is cabled to."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from zonewright.model.base import Declared, Identifier, Line
from zonewright.model.site_network import InterfaceName, PoolRole

Platform = Literal["eos", "sonic"]
"""Which language a switch is configured in."""
MOST_LAG = 999
"""Highest number of a LAG that is declared; those of nodes have the numbers above it."""
MOST_PORTS = 8
"""Ports of one role that a node can have at switches."""
_RANGE = re.compile(
    r"(?P<head>(?:[A-Za-z][A-Za-z-]{0,30}(?:[0-9]{1,3}/)*)?)(?P<first>[0-9]{1,4})"
    r"(?:\.\.(?P<last>[0-9]{1,4})(?: by (?P<step>[1-9][0-9]?))?)?"
)

_PORTS = {"eos": re.compile(r"Ethernet[0-9]+(?:/[0-9]+){0,2}"), "sonic": re.compile(r"Ethernet[0-9]+")}
"""What has a socket, by platform; LAGs, VLANs and loopbacks are made by files, and a cable ends at none of them."""
_PADDED = re.compile(r"0[0-9]")


def range_of(text: str) -> tuple[str, ...]:
    """What a range stands for: names of interfaces, or numbers.

    Args:
        text: such as ``Ethernet49``, ``Ethernet1/1..8``, ``Ethernet0..124 by 4`` or ``01..40``.

    Raises:
        ValueError: when it is none, says in one sentence what was expected.

    Example:
        >>> range_of("Ethernet0..8 by 4")
        ('Ethernet0', 'Ethernet4', 'Ethernet8')
    """
    match = _RANGE.fullmatch(text)
    first, last = (int(match["first"]), int(match["last"] or match["first"])) if match is not None else (1, 0)
    is_padded = (
        match is not None and match["head"] and any(_PADDED.match(match[one] or "0") for one in ("first", "last"))
    )
    if match is None or last < first or is_padded:
        message = f"expected one, or a range from low to high such as '01..40' or 'Ethernet0..124 by 4', got '{text}'"
        raise ValueError(message)
    return tuple(f"{match['head']}{number}" for number in range(first, last + 1, int(match["step"] or 1)))


def _ranged(text: str) -> str:
    range_of(text)
    return text


_INTERFACES = r"^[A-Za-z][A-Za-z0-9/. -]*$"
Interfaces = Annotated[str, StringConstraints(pattern=_INTERFACES, max_length=60, strict=True), AfterValidator(_ranged)]
"""An interface of a switch, or a range: ``Ethernet49``, ``Ethernet1..40``, ``Ethernet0..124 by 4``."""
Positions = Annotated[
    str, StringConstraints(pattern=r"^[0-9][0-9. by]*$", max_length=20, strict=True), AfterValidator(_ranged)
]
"""A rack unit, or a range of them: ``12``, ``01..40``, ``01..39 by 2``."""
RackPath = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}/[a-z0-9-]{1,63}/[a-z0-9-]{1,63}$", strict=True)]
"""A rack of the site, as ``room/row/rack``."""


class SwitchInterface(Declared):
    """What interfaces of a switch are cabled to: nodes of a rack, another switch, or the site's router."""

    rack: RackPath | None = None
    """The rack whose nodes they are cabled to, as ``room/row/rack``."""
    positions: Positions | None = None
    """The rack units that they are for, in the same order: a node's is its lowest."""
    role: PoolRole = "data"
    """Which ports of the nodes: those that are for data, storage or management."""
    port: Annotated[int, Field(ge=1, le=MOST_PORTS)] = 1
    """Which of the node's ports with that role, from 1, in the order of its type."""
    switch: Identifier | None = None
    """The other switch; the cable is declared at one of its ends only."""
    interface: Interfaces | None = None
    """The interfaces at the other switch, in the same order."""
    router: InterfaceName | None = None
    """The interface of the site's router, such as ``lan0``."""
    lag: Annotated[int, Field(ge=1, le=MOST_LAG)] | None = None
    """Number of the LAG that they form, at both ends."""

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        ends = [name for name in ("rack", "switch", "router") if getattr(self, name) is not None]
        if len(ends) != 1:
            message = f"expected one of rack, switch and router, got {' and '.join(ends) or 'none'}"
            raise ValueError(message)
        wanted = {"rack": "positions", "switch": "interface"}
        for name, field in wanted.items():
            if (getattr(self, field) is not None) != (ends == [name]):
                message = f"{name} and {field} go together; write both or none"
                raise ValueError(message)
        if self.lag is not None and self.switch is None:
            message = "a lag that leads to no switch; those of nodes come from their bonds"
            raise ValueError(message)
        if self.rack is None and (self.role != "data" or self.port != 1):
            message = "role and port are of nodes; leave them out"
            raise ValueError(message)
        return self


class Switch(Declared):
    """A switch that nodes of the site hang on, or other switches."""

    role: Literal["leaf", "spine"]
    """Its role, as of a device in NetBox: with nodes (leaf, top of rack), or with switches and the router (spine)."""
    platform: Platform
    """Its platform, as in NetBox: configured in lines as EOS is, or by tables as SONiC is."""
    interfaces: Annotated[dict[Line, SwitchInterface], Field(min_length=1, max_length=256)]
    """What its interfaces are cabled to, by name or by range of names."""

    @model_validator(mode="after")
    def _as_long(self) -> Self:
        faults = list(_range_faults(self.interfaces))
        if faults:
            raise ValueError("; ".join(faults))
        return self


def _range_faults(interfaces: Mapping[str, SwitchInterface]) -> Iterator[str]:
    for names, end in interfaces.items():
        far = end.positions or end.interface
        try:
            count = len(range_of(names))
        except ValueError:
            count = 0
        if re.fullmatch(_INTERFACES, names) is None or not count:
            yield f"'{names}' is no interface and no range from low to high, such as 'Ethernet0..124 by 4'"
        elif (len(range_of(far)) if far is not None else 1) != count:
            yield f"{names}: {count} interfaces, and another number of what they are cabled to; make both ranges alike"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cable:
    """An interface of a switch with what is at its other end.

    Attributes:
        interface: its name.
        end: as declared.
        position: rack unit of the node, 0 where there is none.
        far: interface of the other switch, or empty.
    """

    interface: str
    end: SwitchInterface
    position: int = 0
    far: str = ""


def cables_of(switch: Switch) -> Iterator[Cable]:
    """Each interface of a switch that is cabled, in the order declared."""
    for names, end in switch.interfaces.items():
        far = range_of(end.positions or end.interface or "0")
        for name, other in zip(range_of(names), far, strict=True):
            is_node = end.rack is not None
            yield Cable(
                interface=name,
                end=end,
                position=int(other) if is_node else 0,
                far=other if end.switch is not None else "",
            )


def all_cables(switches: Mapping[str, Switch]) -> Mapping[str, tuple[Cable, ...]]:
    """The cables of each switch by its id, also those that are declared at their other end.

    Args:
        switches: by id; what they name is there.
    """
    found = {name: list(cables_of(one)) for name, one in switches.items()}
    for name, one in switches.items():
        for cable in cables_of(one):
            if cable.end.switch is not None and cable.end.switch in found:
                back = SwitchInterface(switch=name, interface=cable.interface, lag=cable.end.lag)
                found[cable.end.switch].append(Cable(interface=cable.far, end=back, far=cable.interface))
    return {name: tuple(cables) for name, cables in found.items()}


def switch_faults(switches: Mapping[str, Switch], *, routers: int = 1) -> Iterator[str]:
    """What is wrong with the cables of a site's switches: a sentence for each fault.

    Args:
        switches: by id.
        routers: of the site, each of which has a cable at an interface of a name.
    """
    for name, one in switches.items():
        for names, end in one.interfaces.items():
            if end.switch is not None and (end.switch == name or end.switch not in switches):
                yield f"{name} {names} leads to switch '{end.switch}', which is none of the site's others"
    cables = all_cables(switches)
    for name, held in cables.items():
        yield from _no_ports(name, switches[name].platform, held)
        yield from _twice(name, held)
        yield from _lag_faults(name, held)
    yield from _node_faults(cables, routers)
    yield from _loops(cables)


def _no_ports(name: str, platform: Platform, cables: tuple[Cable, ...]) -> Iterator[str]:
    wrong = [one.interface for one in cables if _PORTS[platform].fullmatch(one.interface) is None]
    if wrong:
        example = "Ethernet1 or Ethernet1/1" if platform == "eos" else "Ethernet4"
        yield f"{name} {wrong[0]} is no port of a switch with platform {platform}; write its name, such as {example}"


def _twice(name: str, cables: tuple[Cable, ...]) -> Iterator[str]:
    seen: set[str] = set()
    for cable in cables:
        if cable.interface in seen:
            yield f"{name} {cable.interface} is cabled twice; a cable between switches is declared at one end only"
        seen.add(cable.interface)


def _lag_faults(name: str, cables: tuple[Cable, ...]) -> Iterator[str]:
    leads: dict[int, set[str]] = defaultdict(set)
    for cable in cables:
        if cable.end.lag is not None:
            leads[cable.end.lag].add(cable.end.switch or "")
    for lag, ends in sorted(leads.items()):
        if len(ends) > 1:
            yield f"lag {lag} of {name} leads to {' and to '.join(sorted(ends))}; give each a number of its own"


def _node_faults(cables: Mapping[str, tuple[Cable, ...]], routers: int) -> Iterator[str]:
    """A port of a node has one cable, and an interface of routers one for each router."""
    held: dict[tuple[str | int, ...], list[str]] = defaultdict(list)
    for name, of_switch in cables.items():
        for cable in of_switch:
            end = cable.end
            if end.switch is not None:
                continue
            far = (end.rack or "", cable.position, end.role, end.port) if end.rack else (end.router or "",)
            others = held[far]
            others.append(f"{name} {cable.interface}")
            if len(others) > (1 if end.rack else routers):
                what = f"port {end.port} for {end.role} at U{cable.position} of {end.rack}" if end.rack else end.router
                yield f"{' and '.join(others)} are all cabled to {what}; correct one of them"


def _loops(cables: Mapping[str, tuple[Cable, ...]]) -> Iterator[str]:
    """Switches pass frames on to each other without a way round: between two of them there is one cable or LAG."""
    joined = {name: name for name in cables}

    def root(name: str) -> str:
        while joined[name] != name:
            name = joined[name]
        return name

    seen: set[tuple[str, str, int]] = set()
    for name, held in cables.items():
        for cable in held:
            other, lag = cable.end.switch, cable.end.lag or 0
            if other is None or other not in cables or other <= name:
                continue
            if lag and (name, other, lag) in seen:
                continue
            seen.add((name, other, lag))
            if root(name) == root(other):
                yield (
                    f"{name} {cable.interface} closes a loop to {other}; frames would go round: leave one cable out, "
                    "or give parallel ones a lag"
                )
            joined[root(name)] = root(other)
