"""Rules about rack units: the rack is there and open, the units exist, nobody else has them."""

from collections.abc import Iterator, Sequence

from zonewright.model.rack import Rack
from zonewright.model.world import Occupant
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View, movable, participants_of, row_path
from zonewright.rules.words import amount, span


def rack_exists(view: View) -> Iterator[Breach]:
    """The rack of each occupant is in the world, and takes new nodes of that party."""
    for rack_id, occupants in view.in_rack.items():
        rack = view.racks.get(rack_id)
        if rack is None:
            yield from (_unknown(item) for item in occupants)
        elif not all(map(rack.is_open_for, {item.party for item in occupants})):
            yield from (_closed(item, rack) for item in occupants if _may_not_enter(item, rack, occupants))


RACK_EXISTS = Rule(
    id="rack-exists",
    title="A node stands in a rack that exists and is open to its party.",
    level="mandatory",
    description=(
        "A facility operator declares the rack. A new node needs an active row in an active room, or a "
        "planned room whose `may_open` names the party. A node that already stands there may stay, or move "
        "within the rack."
    ),
    unit="racks or nodes",
    reference="NetBox, status of racks and locations (planned, active, decommissioning)",
    function=rack_exists,
)


def _may_not_enter(item: Occupant, rack: Rack, occupants: Sequence[Occupant]) -> bool:
    """Whether a node is new to a rack that does not take it; one that stands there already may stay or slide."""
    if item.standing != "wanted" or rack.is_open_for(item.party):
        return False
    return not any(other.key == item.key and other.standing in {"active", "releasing"} for other in occupants)


def _unknown(item: Occupant) -> Breach:
    if item.path and item.standing != "baseline":
        message = f"{item.name} would stand in rack {item.rack}, which no facility operator has declared"
        fix = f"choose a rack that exists (site/room/row/rack), or ask for {item.rack} to be declared first"
        moving = [item]
    else:
        message = f"rack {item.rack} is not declared, but something stands in it"
        fix = f"declare rack {item.rack} until it is empty"
        moving = []
    return Breach(
        subject=item.rack,
        where=item.path or row_path(item.rack),
        message=message,
        value=0,
        limit=1,
        unit="racks",
        excess=1,
        participants=participants_of([item]),
        fix=fix,
        moving=tuple(moving),
    )


def _closed(item: Occupant, rack: Rack) -> Breach:
    return Breach(
        subject=rack.id,
        where=item.path,
        message=f"{item.name} would stand in rack {rack.id}, which is not open for new nodes of {item.party}",
        value=1,
        limit=0,
        unit="nodes",
        excess=1,
        participants=participants_of([item]),
        fix=f"choose a rack in an active row and room, or ask the facility operator to open {rack.row}",
        moving=(item,),
    )


def unit_range(view: View) -> Iterator[Breach]:
    """All units of each occupant are between U1 and the height of the rack."""
    for rack_id, occupants in view.in_rack.items():
        rack = view.racks.get(rack_id)
        if rack is not None:
            for item in occupants:
                if item.position < 1 or item.position + item.u_height - 1 > rack.u_height:
                    yield _outside(item, rack)


UNIT_RANGE = Rule(
    id="unit-range",
    title="Everything stands within the height of its rack.",
    level="mandatory",
    description=("Rack units are counted from 1 at the bottom. The highest unit is the rack's `u_height`."),
    unit="U",
    reference="EIA-310 and IEC 60297 (1 U is 44.45 mm)",
    function=unit_range,
)


def _outside(item: Occupant, rack: Rack) -> Breach:
    top = item.units.stop - 1
    above = min(max(0, top - rack.u_height), item.u_height)
    below = min(max(0, 1 - item.position), item.u_height)
    highest = rack.u_height - item.u_height + 1
    tall = f"choose a rack of at least {amount(item.u_height, 'U')}"
    what = item.name if item.path and item.standing != "baseline" else "baseline or a node"
    return Breach(
        subject=rack.id,
        where=item.path or row_path(rack.id),
        message=(
            f"{what} takes {span(item.position, item.u_height)} of rack {rack.id}, which has U1 to U{rack.u_height}: "
            f"{amount(above + below, 'U')} outside"
        ),
        value=top if above else item.position,
        limit=rack.u_height if above else 1,
        unit="U",
        excess=above + below,
        participants=participants_of([item]),
        fix=tall if highest < 1 else f"choose a position from 1 to {highest}, or another rack",
        moving=(item,),
    )


def unit_overlap(view: View) -> Iterator[Breach]:
    """No unit of a face is taken twice; who comes third to a unit is told of its first holder only."""
    for occupants in view.in_rack.values():
        if not _all_apart(occupants):
            blocking = [item for item in occupants if item.blocks_units]
            blocking.sort(key=lambda item: (item.key, item.position))
            for number, two in enumerate(blocking):
                said: set[int] = set()
                for one in blocking[:number]:
                    shared = _shared_units(one, two)
                    if not said.issuperset(shared):
                        said.update(shared)
                        yield _twice(one, two, shared)


UNIT_OVERLAP = Rule(
    id="unit-overlap",
    title="No rack unit of a face is taken twice.",
    level="mandatory",
    description=(
        "There is one finding for each pair. Equipment of full depth takes both faces. A place that the same "
        "stack leaves in the same change does not count, so swaps and slides work. For other stacks it "
        "counts until the resource is gone. A reservation over places of its own stack takes nothing twice."
    ),
    unit="U",
    reference="EIA-310 and IEC 60297; NetBox, rack face and is_full_depth of a device type",
    function=unit_overlap,
)


def _all_apart(occupants: Sequence[Occupant]) -> bool:
    """Quick answer for the usual case: no unit of a face is taken twice. What is below U1 gets no quick one."""
    front = rear = 0
    for item in occupants:
        if item.blocks_units:
            if item.position < 1:
                return False
            mask = ((1 << item.u_height) - 1) << item.position  # as bits() has it, without a call for each node
            if item.is_full_depth:
                if (front | rear) & mask:
                    return False
                front, rear = front | mask, rear | mask
            elif item.face == "front":
                if front & mask:
                    return False
                front |= mask
            else:
                if rear & mask:
                    return False
                rear |= mask
    return True


def _shared_units(one: Occupant, two: Occupant) -> range:
    """Units that two occupants both take; none where a stack is about to leave one of the places, or reserves it."""
    own = (one.party, one.stack) == (two.party, two.stack)
    if own and (one.key == two.key or {"releasing", "reserved"} & {one.standing, two.standing}):
        return range(0)
    if not set(one.faces) & set(two.faces):
        return range(0)
    return range(max(one.position, two.position), min(one.units.stop, two.units.stop))


def _twice(one: Occupant, two: Occupant, shared: range) -> Breach:
    able = movable([one, two])
    acting = able[-1] if able else None
    where = span(shared.start, len(shared))
    subject = one.rack
    if acting is None:
        message = f"{where} of rack {subject} is taken twice"
        fix = "declare the baseline at its real position, or ask the owner of that place to move"
    else:
        holder = _holder(two if acting is one else one, acting)
        message = (
            f"{acting.name} would take {where} of rack {subject}, but {holder} is there: "
            f"{amount(len(shared), 'U')} overlap"
        )
        fix = f"move {acting.name} to another place"
    return Breach(
        subject=subject,
        where=(acting.path if acting else "") or next((o.path for o in (one, two) if o.path), row_path(subject)),
        message=message,
        value=len(shared),
        limit=0,
        unit="U",
        excess=len(shared),
        participants=participants_of([one, two]),
        fix=fix,
        moving=() if acting is None else (acting,),
    )


def _holder(other: Occupant, acting: Occupant) -> str:
    """The other side, without the name of another party's thing."""
    if other.party == acting.party and other.standing != "reserved":
        return other.name
    if other.standing == "reserved":
        return f"a place that is reserved until {other.until[:16]}Z"
    return "baseline equipment" if other.standing == "baseline" else "a node of another party"
