"""VLANs of an inventory and of a site: taken with their tenants where a router keeps these apart, and written back."""

from typing import Any

import pytest

from support.estates import Answers, adopted, device, small_estate, told
from zonewright.estate.network_drift import NetworkComparison, write_networks
from zonewright.estate.reading import read_estate
from zonewright.estate.work import KnownIds, Named
from zonewright.model import Site

BANK = {"tenant": {"id": 2}}
PORT = {"assigned_object": {"device": {"id": 9}, "name": "lan0.110"}}
Json = dict[str, Any]


def _estate(*, tenant: Json = BANK, port: Json = PORT, asns: tuple[int, ...] = (64512,), owner: Json = BANK) -> Answers:
    """A site with a VLAN of the bank, in which a node has an address, and a router without a place."""
    answers = small_estate()
    answers["dcim/sites"][0]["asns"] = [{"asn": one} for one in asns]
    answers["dcim/devices"] = [device(1, 1) | owner | {"name": "db-1"}, device(9, None, rack=None)]
    answers["ipam/vlans"] = [{"id": 5, "vid": 110, "name": "Bank", "site": {"id": 1}} | tenant]
    answers["ipam/prefixes"] = [{"id": 6, "prefix": "10.1.0.0/24", "site": {"id": 1}, "vlan": {"id": 5}}]
    answers["ipam/ip-addresses"] = [
        {"id": 7, "address": "10.1.0.1/24", "description": "gateway"} | port,
        {"id": 8, "address": "10.1.0.9/24", "assigned_object": {"device": {"id": 1}, "name": "eno1"}},
    ]
    return answers


def _site(answers: Answers) -> tuple[Json, str]:
    found = adopted(answers)
    site: Json = found.owners["op"]["sites"]["north"]
    return site, told(found)


def test_a_vlan_of_a_tenant_is_declared_with_the_port_and_the_number_of_its_router() -> None:
    """Its tenant, the interface without the VLAN's number, and the site's AS number, as the model of a site needs."""
    site, notes = _site(_estate())
    assert site["vlans"] == {"bank": {"vid": 110, "name": "Bank", "tenant": "bank"}}
    assert site["address_pools"]["bank"] | {"vlan": "bank", "interface": "lan0"} == site["address_pools"]["bank"]
    assert site["as_number"] == 64512
    assert "VLAN" not in notes


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"asns": ()}, "the site has no AS number of its own"),
        ({"asns": (64512, 64513)}, "the site has no AS number of its own"),
        ({"port": {}}, "its gateway is on no port that is named after it, such as lan0.110"),
        ({"port": {"assigned_object": {"device": {"id": 9}, "name": "Vlan110"}}}, "named after it"),
        ({"owner": {"tenant": {"id": 3}}}, "db-1 of another party has an address in it"),
        ({"tenant": {"tenant": {"id": 1}}}, ""),
        ({"tenant": {}}, ""),
    ],
)
def test_a_vlan_that_no_router_keeps_apart_is_declared_without_its_tenant(changed: Json, says: str) -> None:
    """The note says what is missing; a VLAN of the operator's own, or of nobody, needs none."""
    answers = _estate(**changed)
    answers["tenancy/tenants"].append({"id": 3, "name": "Other", "slug": "other"})
    site, notes = _site(answers)
    assert site["vlans"] == {"bank": {"vid": 110, "name": "Bank"}}
    assert site["address_pools"]["bank"]["vlan"] == "bank"
    assert "interface" not in site["address_pools"]["bank"]
    assert "as_number" not in site
    assert says in notes
    assert ("without a tenant" in notes) == bool(says)


def _second(answers: Answers, *, vid: int, prefix: Json | None = None, **more: Any) -> Answers:
    answers["ipam/vlans"].append({"id": 15, "vid": vid, "name": "More", "site": {"id": 1}, **more})
    answers["ipam/prefixes"].append(
        {"id": 16, "prefix": "10.2.0.0/24", "site": {"id": 1}, "vlan": {"id": 15}} | (prefix or {})
    )
    end = {"assigned_object": {"device": {"id": 1}, "name": "eno2"}}
    answers["ipam/ip-addresses"].append({"id": 18, "address": "10.2.0.9/24", **end})
    return answers


@pytest.mark.parametrize(
    ("answers", "vlans", "says"),
    [
        (_second(_estate(tenant={}), vid=120), ["bank"], "ports have one untagged"),
        (_second(_estate(tenant={}), vid=110), ["bank"], "have the same vid 110"),
        (_second(_estate(tenant={}), vid=120, prefix={"role": {"id": 1, "slug": "storage"}}), ["bank", "more"], ""),
        (_second(_estate(), vid=120), ["bank"], "db-1 has an address of pool more too"),
    ],
)
def test_what_a_site_cannot_hold_is_left_out_and_told(answers: Answers, vlans: list[str], says: str) -> None:
    """Of VLANs that do not go together the ones with the lower numbers are declared; all pools stay."""
    site, notes = _site(answers)
    assert list(site["vlans"]) == vlans
    assert set(site["address_pools"]) == {"bank", "more"}
    assert says in notes
    Site.model_validate({**site, "rooms": {}})


class _Inventory:
    """One that notes what is written."""

    def __init__(self) -> None:
        self.written: list[tuple[str, Json]] = []

    def objects(self, endpoint: str, **_: Any) -> list[Any]:
        raise AssertionError(endpoint)

    def create(self, endpoint: str, objects: Any) -> list[Any]:
        self.written += [(f"new {endpoint}", dict(one)) for one in objects]
        return [{"id": 100 + len(self.written)} for _ in objects]

    def change(self, endpoint: str, objects: Any) -> list[Any]:
        self.written += [(endpoint, dict(one)) for one in objects]
        return list(objects)


def _held(**more: Any) -> dict[str, Site]:
    base = {"title": "North", "district": "bay", "as_number": 64512}
    pool = {"prefix": "10.1.0.0/24", "gateway": "10.1.0.1", "interface": "lan0", "vlan": "bank"}
    vlans = {"bank": {"vid": 110, "tenant": "bank"}, **more.pop("vlans", {})}
    site = {**base, "vlans": vlans, "address_pools": {"bank": pool, **more.pop("pools", {})}}
    return {"north": Site.model_validate(site)}


def _compared(answers: Answers) -> NetworkComparison:
    known = adopted(answers).known
    estate, _ = read_estate(answers)
    return NetworkComparison(estate=estate, known=known)


def test_a_network_as_it_was_taken_over_has_no_difference() -> None:
    """Neither the VLAN nor the prefix of an adoption differs; a site that the inventory lacks is passed over."""
    held = _held()
    assert _compared(_estate()).differences({**held, "elsewhere": held["north"]}) == []
    assert _compared(_estate(tenant=BANK, asns=())).differences(held) == []


def test_vlans_and_prefixes_that_are_missing_are_made_and_remembered() -> None:
    """A VLAN, its prefix with the tenant, and the gateway; a second run finds them by their numbers here."""
    compared = _compared(_estate())
    held = _held(
        vlans={"more": {"vid": 120, "tenant": "bank"}},
        pools={
            "store": {"prefix": "10.3.0.0/24", "gateway": "10.3.0.1", "interface": "lan0", "vlan": "more"}
            | {"role": "storage"}
        },
    )
    found = compared.differences(held)
    assert [(one.what, one.number) for one in found] == [("vlan", None), ("prefix", None)]
    inventory = _Inventory()
    write_networks(inventory, compared, found, held)
    vlan, prefix, gateway = inventory.written
    assert vlan == ("new ipam/vlans", {"vid": 120, "tenant": 2, "name": "more", "site": 1, "status": "active"})
    assert prefix[1] | {"prefix": "10.3.0.0/24", "scope_id": 1, "tenant": 2, "vlan": 101} == prefix[1]
    assert gateway == (
        "new ipam/ip-addresses",
        {"address": "10.3.0.1/24", "status": "active", "description": "gateway"},
    )
    assert compared.known.objects["vlans"][101] == Named(id="more", name="more", scope="north")
    assert compared.known.objects["pools"][102].id == "store"


@pytest.mark.parametrize(
    ("changes", "written"),
    [
        ({"ipam/vlans": {"vid": 111}}, [("ipam/vlans", {"id": 5, "vid": 110})]),
        ({"ipam/vlans": {"tenant": None}}, [("ipam/vlans", {"id": 5, "tenant": 2})]),
        ({"ipam/prefixes": {"vlan": None}}, [("ipam/prefixes", {"id": 6, "vlan": 5})]),
    ],
)
def test_what_the_inventory_says_otherwise_is_changed_there(changes: dict[str, Json], written: list[Any]) -> None:
    """Only the field that differs is written."""
    answers = _estate()
    known = adopted(answers).known
    for endpoint, change in changes.items():
        answers[endpoint][0] |= change
    compared = NetworkComparison(estate=read_estate(answers)[0], known=known)
    inventory = _Inventory()
    write_networks(inventory, compared, compared.differences(_held()), _held())
    assert inventory.written == written


def test_an_empty_memory_finds_a_vlan_by_its_number_at_the_site() -> None:
    """So a VLAN that somebody recorded by hand is not made a second time."""
    known = KnownIds(
        objects={"sites": {1: Named(id="north", name="North")}, "parties": {2: Named(id="bank", name="B")}}
    )
    compared = NetworkComparison(estate=read_estate(_estate())[0], known=known)
    assert compared.differences(_held()) == []
