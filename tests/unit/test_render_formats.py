"""Names, addresses, time, firewalls, agents, labels: the committed files are what is rendered, and programs agree."""

import re
import tomllib
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from support.golden import compare_golden
from support.reference_nodes import zone_files
from support.reference_sites import reference_sites
from support.validators import installed_validator
from zonewright.model import Site
from zonewright.model.surroundings import Surroundings
from zonewright.render import render_all, site_context
from zonewright.render.contexts.naming import address_ranges, reverse_zones
from zonewright.render.formats.agent_settings import AGENT_SETTINGS
from zonewright.render.formats.bind import BIND, BIND_GROUP
from zonewright.render.formats.chrony import CHRONY
from zonewright.render.formats.format import Format
from zonewright.render.formats.kea import KEA
from zonewright.render.formats.netplan import NETPLAN
from zonewright.render.formats.nftables import NFTABLES
from zonewright.render.formats.rack_labels import RACK_LABELS
from zonewright.render.formats.router_host import ROUTER_SYSCTL
from zonewright.render.formats.router_netplan import ROUTER_NETPLAN
from zonewright.render.validators.native import NativeValidator

ROOTS = (
    "sites/wj-dc1",
    "sites/qp-dc1",
    "sites/js-dc1",
    "sites/wj-edge-lili",
    "nodes/wj-dc1/controllers-001",
    "nodes/qp-dc1/core-001",
    "nodes/js-dc1/archive-001",
    "nodes/wj-edge-sz/shopfloor-001",
    "groups/wj-dc1/tenant-ind",
    "groups/qp-dc1/tenant-fin",
    "groups/js-dc1/tenant-gov",
    "groups/wj-edge-sz/tenant-ind",
)
NEW = (BIND, BIND_GROUP, CHRONY, KEA, NFTABLES, AGENT_SETTINGS, NETPLAN, ROUTER_NETPLAN)


@pytest.fixture(autouse=True)
def _agent_is_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2] / "agents"))


def files_of(root: str, format_: Format) -> dict[str, str]:
    """The files of one format below one root, by path below it."""
    return {path[len(root) + 1 :]: text for path, text in zone_files().items() if _is_of(path, root, format_)}


def _is_of(path: str, root: str, format_: Format) -> bool:
    return path.startswith(f"{root}/") and format_.owns(path)


def applied(format_: Format) -> list[str]:
    """The golden roots that have files of a format."""
    return [root for root in ROOTS if files_of(root, format_)]


@pytest.mark.parametrize("root", ROOTS)
def test_rendered_files_are_the_committed_ones(root: str) -> None:
    """Three data centres, an edge site, and nodes in each render to their golden files, byte for byte."""
    seen = 0
    for format_ in (*NEW, RACK_LABELS):
        for path, text in files_of(root, format_).items():
            seen += 1
            # Thousands of labels stand there as their digest, the edge site's whole.
            is_long = len(text) > 100_000
            held = f"sha256:{sha256(text.encode()).hexdigest()}\n" if is_long else text
            compare_golden(f"{format_.id}/{root.replace('/', '-')}/{path}{'.sha256' if is_long else ''}", held)
    assert seen > 2


@pytest.mark.parametrize("format_", [*NEW, ROUTER_SYSCTL], ids=lambda item: item.id)
def test_its_own_program_takes_the_files(format_: Format) -> None:
    """The native program of each format passes the files of each golden subject that has some."""
    validator, roots = installed_validator(format_), applied(format_)
    assert roots
    for root in roots:
        verdict = validator.validate(files_of(root, format_))
        assert verdict.status == "pass", f"{root}: {verdict.detail}"


FAULTS = [
    (BIND, "sites/qp-dc1", "type primary", "type primery"),
    (BIND, "sites/qp-dc1", "ns1 IN A 10.80.16.2", "ns1 IN A 10.80.16.222.2"),
    (BIND, "sites/qp-dc1", "@ IN NS ns1.qp-dc1.internal.", "@ IN NX ns1"),
    (BIND_GROUP, "groups/wj-edge-sz/tenant-ind", "shopfloor-001 IN A", "shopfloor-001 IN AB"),
    (BIND_GROUP, "groups/wj-edge-sz/tenant-ind", "match-clients", "match-client"),
    (CHRONY, "nodes/qp-dc1/core-001", "iburst", "iburts"),
    (KEA, "sites/qp-dc1", "10.80.31.254", "10.81.31.254"),
    (KEA, "sites/qp-dc1", '"valid-lifetime"', '"valid-life"'),
    (NFTABLES, "nodes/qp-dc1/core-001", "policy drop", "policy dorp"),
    (NFTABLES, "nodes/qp-dc1/core-001", "@own_v4", "@own_v5"),
    (ROUTER_SYSCTL, "sites/qp-dc1", "ip_forward = 1", "ip_forward 1"),
    (AGENT_SETTINGS, "nodes/qp-dc1/core-001", "power_max_w", "power_max"),
    (AGENT_SETTINGS, "nodes/qp-dc1/core-001", "https://", "http://"),
]


@pytest.mark.parametrize(("format_", "root", "right", "wrong"), FAULTS, ids=lambda item: getattr(item, "id", None))
def test_its_own_program_refuses_a_broken_file(format_: Format, root: str, right: str, wrong: str) -> None:
    """A misspelt word, a bad address and a range outside its network are failures, in the program's words."""
    good = files_of(root, format_)
    assert any(right in text for text in good.values())
    verdict = installed_validator(format_).validate(
        {path: text.replace(right, wrong, 1) for path, text in good.items()}
    )
    assert verdict.status == "fail", verdict.detail
    assert verdict.detail


@pytest.mark.parametrize("site", ["wj-dc1", "qp-dc1", "wj-edge-sz"])
def test_a_site_and_its_groups_are_one_name_server(site: str) -> None:
    """The files of a site and of all parties at it load together, as they stand on the name server."""
    files = files_of(f"sites/{site}", BIND)
    groups = {path.split("/")[2] for path in zone_files() if path.startswith(f"groups/{site}/")}
    assert groups
    for group in groups:
        files |= files_of(f"groups/{site}/{group}", BIND_GROUP)
    verdict = installed_validator(BIND).validate(files)
    assert verdict.status == "pass", verdict.detail
    for group in groups:
        assert f"{group}.{site}.internal/IN" in verdict.detail  # it was loaded, not left out


def test_small_networks_have_a_zone_for_each_address() -> None:
    """Where a network is smaller than a zone, each address is one, so that nobody else's is answered for."""
    names = [("10.0.0.1", "a."), ("10.0.0.129", "b."), ("2001:db8::5", "c."), ("192.0.2.1", "outside.")]
    zones = reverse_zones(names, ["10.0.0.128/25", "10.0.0.0/30", "2001:db8::/125"])
    assert [(zone.zone, zone.pointers[0].label) for zone in zones] == [
        ("1.0.0.10.in-addr.arpa", "@"),
        ("129.0.0.10.in-addr.arpa", "@"),
        ("5" + ".0" * 23 + ".8.b.d.0.1.0.0.2.ip6.arpa", "@"),
    ]
    (wide,) = reverse_zones([("10.80.17.4", "x.")], ["10.80.16.0/20"])
    assert (wide.key, wide.zone, wide.pointers[0].label) == ("10.80.17", "17.80.10.in-addr.arpa", "4")


def test_the_first_name_of_an_address_is_the_one_it_leads_back_to() -> None:
    """A second name of an address is an alias, and the serial number follows the content alone."""
    site = {"title": "x", "district": "d", "name_servers": ["10.0.0.2"], "time_servers": ["10.0.0.2"]}
    pools = {"v4": {"prefix": "10.0.0.0/24", "gateway": "10.0.0.1"}}
    made = site_context(
        name="x", site=Site.model_validate({**site, "address_pools": pools}), rows={}, around=Surroundings()
    )
    assert [(one.name, one.target) for one in made.aliases] == [("ntp1", "ns1")]
    (zone,) = made.reverse_zones
    assert [one.target for one in zone.pointers] == ["gateway-v4.x.internal.", "ns1.x.internal."]
    assert "ntp1 IN CNAME ns1\n" in render_all([made])["sites/x/etc/bind/zones/site.zone"]


def test_addresses_become_few_ranges() -> None:
    """Neighbouring addresses are one range, whatever their order; each version by itself."""
    texts = ["10.0.0.7", "10.0.0.5", "10.0.0.6", "10.0.1.0", "2001:db8::1", "10.0.0.5"]
    assert address_ranges(texts, 4) == ("10.0.0.5-10.0.0.7", "10.0.1.0")
    assert address_ranges(texts, 6) == ("2001:db8::1",)
    assert address_ranges([], 4) == ()


def test_the_settings_are_those_of_the_declaration() -> None:
    """An agent reports under the node's name to the zone's service, with the nameplate of the node's type."""
    document = tomllib.loads(files_of("nodes/qp-dc1/core-001", AGENT_SETTINGS)["etc/zonewright-agent/agent.toml"])
    assert (document["agent"], document["url"]) == ("core-001", "https://service.zone.internal/v1/metrics")
    assert document["power_max_w"] > 100


class _Labels(HTMLParser):
    """The texts of list items, and whatever would be loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.labels, self.loaded = 0, [""]
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count labels, keep what is open."""
        self.labels += tag == "li"
        self.loaded += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Each end has its beginning."""
        assert self.open.pop() == tag


@pytest.mark.parametrize("site", ["wj-dc1", "wj-edge-lili"])
def test_every_rack_has_a_label(site: str) -> None:
    """The sheet is well-formed, loads nothing, and has a label with the id of each rack once."""
    text = files_of(f"sites/{site}", RACK_LABELS)["print/rack-labels.html"]
    page = _Labels()
    page.feed(text)
    assert (page.open, page.loaded) == ([], [""])
    wanted = {f"{row.room}/{row.row}/{rack}" for row in reference_sites()[site].label_rows for rack in row.racks}
    found = re.findall(rf"</b>({site}/[a-z0-9/-]+)\n", text)
    assert len(found) == page.labels == len(wanted)
    assert set(found) == wanted


def test_an_agent_that_cannot_be_imported_says_nothing() -> None:
    """Without the agent's package its verdict is not-run, and never a pass or a failure."""
    installed = installed_validator(AGENT_SETTINGS).check
    commands = tuple(
        tuple(word.replace("zonewright_agent", "no_agent") for word in line) for line in installed.commands
    )
    verdict = NativeValidator(replace(installed, commands=commands)).validate(
        {"etc/zonewright-agent/agent.toml": "x\n"}
    )
    assert verdict.status == "not-run"
    assert "no_agent" in verdict.detail
