"""The verb ``who``: whose a rack's nodes, a duct's links, an address or a name are, for who may know it."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network
from typing import Any

from sqlalchemy import Connection, RowMapping, or_, select

from zonewright.ledger.protocol.rights import OVERSEER, Caller
from zonewright.ledger.protocol.who_messages import WhoAnswer, WhoEntry, WhoRequest
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.documents import parse_zone
from zonewright.ledger.store.held import all_held
from zonewright.ledger.store.tables import asset, claim, zone
from zonewright.model.asset import DUCTS, LINKS
from zonewright.model.canonical import canonical_json
from zonewright.model.zone import Party

RESERVATION = "reservation"
_Row = RowMapping | Mapping[str, Any]
_IN_RACKS = frozenset({"node", RESERVATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Assets:
    """What claims stand on and links run through.

    Attributes:
        rows: every asset, with its parsed data.
        owners: party by the asset's name.
    """

    rows: list[tuple[RowMapping, Mapping[str, Any]]]
    owners: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """Something that a subject leads to.

    Attributes:
        row: of the claim or asset.
        data: of an asset; empty for a claim.
        by_place: found by where it is, which anybody may count; else by its name or address.
    """

    row: _Row
    data: Mapping[str, Any]
    by_place: bool


def who(context: Context, request: WhoRequest) -> WhoAnswer:
    """Give who stands at a place, whose links run through a duct, or whose an address or a name is.

    A party sees what is its own, what stands in its racks, and what runs through its ducts or in its links. Of others
    it sees how many there are at a place or in a duct; whether a name or an address is somebody else's stays untold.
    """
    with context.database.reading() as connection:
        document = connection.execute(select(zone.c.document)).scalar()
        parties = parse_zone(document).parties if document is not None else {}
        assets = _assets(connection)
        found = list(_find(connection, assets, request.subject, context.shown_at(connection)))
    seen = [one.row for one in found if _may_see(context.caller, assets, one)]
    hidden = sum(one.by_place and not _may_see(context.caller, assets, one) for one in found)
    told = [_standing(row, parties) for row in sorted(seen, key=lambda row: (row["rack"], _unit(row), row["name"]))]
    ends = {
        one.row["until"] for one in found if one.by_place and one.row["kind"] == RESERVATION and one.row not in seen
    }
    more = max(0, len(told) - request.limit)
    return WhoAnswer(found=told[: request.limit], hidden=hidden, more=more, reserved_until=sorted(ends))


def in_racks_of(connection: Connection, party: str, subject: str) -> Iterator[Mapping[str, Any]]:
    """Claims that a name or an address means and that stand in racks of a party, as it may see them.

    Args:
        connection: a transaction.
        party: the facility operator.
        subject: a name or an address.
    """
    assets = _assets(connection)
    for one in _find(connection, assets, subject, ""):
        is_there = party in {assets.owners.get(name) for name in _ground(one.row, one.data)}
        if one.row["kind"] == "node" and not one.by_place and is_there:
            yield dict(one.row)


def _assets(connection: Connection) -> _Assets:
    query = select(asset).order_by(asset.c.name, asset.c.id)
    rows = [(row, json.loads(row["data"])) for row in connection.execute(query).mappings()]
    return _Assets(rows=rows, owners={row["name"]: row["party"] for row, _ in rows})


def _find(connection: Connection, assets: _Assets, subject: str, now: str) -> Iterator[_Match]:
    """All that the subject may mean: one word can be a site and a node."""
    address = _address(subject)
    fed = {row["name"] for row, data in assets.rows if row["kind"] == "row" and _feeds(assets, row, data, subject)}
    for row, data in assets.rows:
        name, ground = row["name"], set(_ground(row, data))
        is_named = name in (subject, f"{DUCTS}/{subject}", f"{LINKS}/{subject}") or (
            address and _has(row, data, address)
        )
        is_around = row["kind"] == "row" and subject.rpartition("/")[0] == name and _has_rack(data, subject)
        is_place = row["kind"] in ("site", "row") and name == subject
        by_place = (
            name in fed
            or is_place
            or is_around
            or name.startswith(f"{subject}/")
            or bool({f"{DUCTS}/{subject}", f"{LINKS}/{subject}"} & ground)
        )
        if is_named or by_place or subject in ground:
            yield _Match(row=row, data=data, by_place=by_place or subject in ground)
    asked = [claim.c.name == subject, claim.c.rack == subject, claim.c.rack.startswith(f"{subject}/", autoescape=True)]
    if address:
        asked.append(claim.c.data.contains(f'"{address}/', autoescape=True))
    if fed:
        asked.append(claim.c.site.in_({name.partition("/")[0] for name in fed}))
    claims = connection.execute(select(claim).where(or_(*asked)).order_by(claim.c.id)).mappings()
    for row in (*claims, *_reserved(connection, now)):
        rack = row["rack"]
        by_place = rack == subject or rack.startswith(f"{subject}/") or rack.rpartition("/")[0] in fed
        if by_place or row["name"] == subject or _holds(row, address):
            yield _Match(row=row, data={}, by_place=by_place)


def _reserved(connection: Connection, now: str) -> Iterator[_Row]:
    """What is reserved for days, as rows of claims."""
    for held in all_held(connection, but=""):
        for name, data in held.claims.items() if held.wants is not None and held.expires_at > now else ():
            yield {
                "kind": RESERVATION,
                "name": name,
                "party": held.party,
                "stack_id": held.stack_id,
                "site": data["rack"].partition("/")[0],
                "rack": data["rack"],
                "data": canonical_json(data),
                "state": "reserved",
                "active_since": None,
                "until": held.expires_at,
            }


def _has_rack(data: Mapping[str, Any], subject: str) -> bool:
    """Whether a row has the rack."""
    number = subject.rpartition("/")[2]
    return number in {f"{rack:02}" for rack in range(1, data["row"]["racks"] + 1)}


def _holds(row: _Row, address: Any) -> bool:
    """Whether a claim has an address."""
    texts = json.loads(row["data"])["addresses"].values() if address else ()
    return any(ip_interface(text).ip == address for text in texts)


def _address(text: str) -> Any:
    """The address that a text is, also with a prefix length; None where it is none."""
    try:
        return ip_interface(text).ip
    except ValueError:
        return None


def _feeds(assets: _Assets, row: RowMapping, data: Mapping[str, Any], subject: str) -> bool:
    """Whether a panel or substation of that name supplies a row, by its own id or as ``SITE/ID``."""
    site = row["name"].partition("/")[0]
    panels = {feed["power_panel"] for feed in data["row"]["feeds"].values()}
    of_site: Mapping[str, Any] = next(
        (one["site"].get("power_panels", {}) for held, one in assets.rows if held["name"] == site), {}
    )
    substations = {of_site[panel]["substation"] for panel in panels if panel in of_site}
    return subject.removeprefix(f"{site}/") in panels | substations


def _has(row: RowMapping, data: Mapping[str, Any], address: Any) -> bool:
    """Whether a site's pools or a link's networks have an address."""
    texts: dict[str, Callable[[], list[str]]] = {
        "site": lambda: [
            *(one["prefix"] for field in ("address_pools", "networks") for one in data["site"].get(field, {}).values()),
            *data["site"].get("loopbacks", ()),
            *(data["site"].get("second_router") or {}).get("loopbacks", ()),
        ],
        "link": lambda: list(data["link"].get("prefixes", ())),
    }
    return row["kind"] in texts and any(address in ip_network(text) for text in texts[row["kind"]]())


def _may_see(caller: Caller, assets: _Assets, one: _Match) -> bool:
    """Own things, and what others have in one's racks, ducts and links; who oversees the zone sees all."""
    if caller.has_file or caller.roles & OVERSEER or one.row["party"] == caller.party:
        return True
    return caller.party in {assets.owners.get(name) for name in _ground(one.row, one.data)}


def _ground(row: _Row, data: Mapping[str, Any]) -> Iterator[str]:
    """Names of the assets that something stands on, or runs through and ends at."""
    if row["kind"] in _IN_RACKS:
        yield row["rack"].rpartition("/")[0]
    elif row["kind"] == "link":
        link = data["link"]
        yield from (link["a"], link["b"], *(f"{DUCTS}/{duct}" for duct in link.get("ducts", ())))
        yield from (f"{LINKS}/{one}" for one in link.get("cores_of", ()))


def _unit(row: _Row) -> int:
    return int(json.loads(row["data"])["position"]) if row["kind"] in _IN_RACKS else 0


def _standing(row: _Row, parties: Mapping[str, Party]) -> WhoEntry:
    party = parties.get(row["party"])
    if row["kind"] in _IN_RACKS:
        place = f"{row['rack']} U{_unit(row)}"
    else:
        place = row["site"] if row["site"] not in (DUCTS, LINKS) else ""
    return WhoEntry(
        kind=row["kind"],
        name=row["name"],
        party=row["party"],
        title=party.title if party is not None else "",
        contact=party.contact if party is not None else "",
        stack_id=row["stack_id"],
        place=place,
        state=row["state"],
        since=row["active_since"] or "",
        until=row["until"] if row["kind"] == RESERVATION else "",
    )
