"""Routing and monitoring of sites: the committed files are what is rendered, and their own programs take them."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.golden import compare_golden
from support.once import SHARED
from support.reference_nodes import zone_files
from support.reference_sites import reference_files, reference_sites
from support.validators import installed_validator, validator_of
from zonewright.model import Row, Site
from zonewright.model.surroundings import LinkEnds, Routing, Surroundings
from zonewright.render import RenderError, SiteContext, render_all, site_context
from zonewright.render.contexts.routing import interface_name, members_of
from zonewright.render.formats import FORMATS
from zonewright.render.formats.format import Format
from zonewright.render.formats.frr import FRR
from zonewright.render.formats.prometheus import PROMETHEUS

GOLDEN_SITES = ("wj-dc1", "qp-dc1", "js-dc1", "wj-edge-lili")
SITE_FORMATS = (FRR, PROMETHEUS)
CHECKED = [item for item in FORMATS if item.check is not None and item.check.program != "python3"]
POOL = {"v4": {"prefix": "10.0.0.0/24", "gateway": "10.0.0.1"}}


def text_of(format_: Format, site: str, index: int = 0) -> str:
    """One file of a site of the reference zone."""
    return reference_files()[f"sites/{site}/{format_.files[index].path}"]


@pytest.mark.parametrize("site", GOLDEN_SITES)
def test_rendered_files_are_the_committed_ones(site: str) -> None:
    """Three data centres and an edge site render to their golden files, byte for byte."""
    compare_golden(f"frr/{site}.conf", text_of(FRR, site))
    compare_golden(f"prometheus/{site}.yml", text_of(PROMETHEUS, site))
    compare_golden(f"prometheus/{site}.rules.yml", text_of(PROMETHEUS, site, 1))


def test_every_site_has_every_file() -> None:
    """All twelve sites of the reference zone have a router, a scrape configuration and rules."""
    assert len(reference_sites()) == 12
    wanted = {f"sites/{site}/{file.path}" for site in reference_sites() for item in SITE_FORMATS for file in item.files}
    assert set(reference_files()) >= wanted


@pytest.mark.parametrize("format_", SITE_FORMATS, ids=lambda item: item.id)
def test_its_own_program_takes_the_files_of_every_site(format_: Format) -> None:
    """Promtool and vtysh pass the files of all twelve sites, and say what they ran."""
    validator = installed_validator(format_)
    for site in reference_sites():
        files = {file.path: text_of(format_, site, index) for index, file in enumerate(format_.files)}
        verdict = validator.validate(files)
        assert verdict.status == "pass", f"{site}: {verdict.detail}"
        assert verdict.arguments


FAULTS = [
    (FRR, "remote-as", "remote-az"),
    (FRR, "10.79.0.5/31", "10.79.0.555/31"),
    (PROMETHEUS, "scrape_interval", "scrape_intervall"),
    (PROMETHEUS, "sum by (site)", "sum by site)"),
    (PROMETHEUS, "FeedPowerOverLimit\n", "FeedPowerOverLimit\n        extra: 1\n"),
]


@pytest.mark.parametrize(("format_", "right", "wrong"), FAULTS, ids=lambda item: getattr(item, "id", None))
def test_its_own_program_refuses_a_broken_file(format_: Format, right: str, wrong: str) -> None:
    """A misspelt word, a bad address, a broken expression and an unknown key are failures, in the program's words."""
    validator = installed_validator(format_)
    files = {
        file.path: text_of(format_, "wj-dc1", index).replace(right, wrong, 1)
        for index, file in enumerate(format_.files)
    }
    verdict = validator.validate(files)
    assert verdict.status == "fail", verdict.detail
    assert verdict.detail


def test_what_promtool_only_lints_is_a_failure_too() -> None:
    """Two alerts that are the same end promtool with 0; here they fail."""
    validator = installed_validator(PROMETHEUS)
    files = {file.path: text_of(PROMETHEUS, "qp-dc1", index) for index, file in enumerate(PROMETHEUS.files)}
    rules = yaml.safe_load(files["etc/prometheus/rules/zonewright.yml"])
    rules["groups"][0]["rules"].append(rules["groups"][0]["rules"][-1])
    verdict = validator.validate({**files, "etc/prometheus/rules/zonewright.yml": yaml.safe_dump(rules)})
    assert verdict.status == "fail", verdict.detail


@pytest.mark.parametrize("format_", CHECKED, ids=lambda item: item.id)
def test_an_absent_validator_is_not_a_pass(format_: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its program the verdict on each format is not-run, and names the package."""
    monkeypatch.setenv("PATH", "/nowhere")
    validator = validator_of(format_)
    verdict = validator.validate({format_.files[0].path: "x\n"})
    assert verdict.status == "not-run"
    assert validator.check.package in verdict.detail


@pytest.mark.parametrize(
    ("script", "status"),
    [("kill -9 $$", "not-run"), ("exit 1", "fail"), ("exit 0", "pass"), ("echo 'line 3: no'; exit 0", "fail")],
)
def test_a_validator_that_crashes_is_not_a_pass(
    script: str, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that is killed has said nothing; one that complains with exit code 0 has complained."""
    program = tmp_path / "vtysh"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert validator_of(FRR).validate({"etc/frr/frr.conf": "!\n"}).status == status


@pytest.mark.slow
def test_the_same_bytes_in_any_surroundings() -> None:
    """Hash seed, time zone and locale do not change a byte of any file of any format."""
    code = (
        "import json, support.reference_nodes as s; from zonewright.render.formats.format_set import BUILT_IN as b;"
        "print(json.dumps([dict(s.zone_files()), [f.id for f in b.formats if any(map(f.owns, s.zone_files()))]]))"
    )
    here = {name: os.environ.get(name, "") for name in ("PYTHONHASHSEED", "TZ", "LC_ALL")}
    other = {"PYTHONHASHSEED": "3", "TZ": "America/St_Johns", "LC_ALL": "tr_TR"}
    assert all(here[name] != value for name, value in other.items())
    alone = {name: value for name, value in os.environ.items() if name != SHARED}  # renders anew, and takes nobody's
    environment = {**alone, **other, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    files, formats = json.loads(done.stdout)
    assert files == dict(zone_files())
    undeclared = {"kea-v6", "outlet-labels", "eos", "eos-ports", "sonic", "sonic-ports", "redfish"}
    assert formats == [item.id for item in FORMATS if item.id not in undeclared]  # no site has switches there
    assert len(files) > 4000


@dataclass(frozen=True)
class Router:
    """A router as its configuration says it, read back without our own code."""

    as_number: int
    addresses: frozenset[str]
    neighbors: dict[str, int]
    shut: frozenset[str]
    active: dict[str, list[str]]


def read_router(text: str) -> Router:
    """What an frr.conf says of addresses and sessions."""
    (own,) = re.findall(r"^router bgp (\d+)$", text, re.MULTILINE)
    neighbors = re.findall(r"^ neighbor (\S+)(?: interface)? remote-as (\d+)$", text, re.MULTILINE)
    active: dict[str, list[str]] = {}
    for family in ("ipv4", "ipv6"):
        block = text.split(f"address-family {family} unicast\n")[1].split("exit-address-family", maxsplit=1)[0]
        active[family] = re.findall(r"^  neighbor (\S+) activate$", block, re.MULTILINE)
    return Router(
        as_number=int(own),
        addresses=frozenset(re.findall(r"^ ip(?:v6)? address (\S+)$", text, re.MULTILINE)),
        neighbors={address: int(number) for address, number in neighbors},
        shut=frozenset(re.findall(r"^ neighbor (\S+) shutdown", text, re.MULTILINE)),
        active=active,
    )


def test_every_session_has_two_ends() -> None:
    """Over all sites each session has another end: addresses, numbers, network, family and state match."""
    routers = {path: read_router(text) for path, text in reference_files().items() if path.endswith("/frr.conf")}
    assert (len(routers), len({router.as_number for router in routers.values()})) == (13, 12)
    where: dict[str, str] = {}
    for site, router in routers.items():
        for text in router.addresses:
            assert str(ip_interface(text).ip) not in where, f"{text} stands at two routers"
            where[str(ip_interface(text).ip)] = site
    twins = [path for path in routers if "x0" in routers[path].active["ipv4"] and "x0" in routers[path].active["ipv6"]]
    assert twins == ["routers/qp-dc1/qp-dc1-r2/etc/frr/frr.conf", "sites/qp-dc1/etc/frr/frr.conf"]
    sessions: set[frozenset[str]] = set()
    for site, router in routers.items():
        own = {ip_interface(text).network: ip_interface(text).ip for text in router.addresses}
        assert len(own) >= len(router.neighbors)
        for neighbor, number in router.neighbors.items():
            other = routers[where[neighbor]]
            network = next(one for one in own if ip_address(neighbor) in one)
            local = str(own[network])
            assert network.num_addresses == 2  # a link's, none of the site's own networks
            assert (other.as_number, other.neighbors[local]) == (number, router.as_number), f"{site} to {neighbor}"
            assert (neighbor in router.shut) == (local in other.shut)
            family = f"ipv{network.version}"
            assert neighbor in router.active[family]
            assert local in other.active[family]
            sessions.add(frozenset((neighbor, local)))
    assert len(sessions) == 2 * 14  # L01 to L14, in IPv4 and IPv6
    assert len({item for router in routers.values() for item in router.shut}) == 2 * 2 * 2  # L13 and L14 are planned


def test_every_session_filters_both_ways() -> None:
    """Each activated session has a policy in and out and a bound; no default route is sent, no policy is waived."""
    for site, text in reference_files().items():
        if not site.endswith("/frr.conf"):
            continue
        router = read_router(text)
        for family, names in router.active.items():
            version = family.replace("ip", "")
            for name in set(names) - {"x0"}:  # the other router of the same site
                for line in (f"route-map zone-in-{version} in", f"route-map zone-out-{version} out", "maximum-prefix"):
                    assert re.search(rf"^  neighbor {re.escape(name)} {line}", text, re.MULTILINE), (site, name, line)
        assert "default-originate" not in text
        assert "ebgp-requires-policy" not in text
        assert "0.0.0.0/0" not in text


def pair(prefixes: tuple[tuple[str, ...], tuple[str, ...]], *, site: str = "one") -> SiteContext:
    """One of two sites with two links between them that share nothing."""
    numbers = {"one": 65001, "two": 65002}
    links = {
        f"l{index}": LinkEnds(a="one", b="two", status="active", prefixes=texts, risks=(f"duct d{index}",))
        for index, texts in enumerate(prefixes, start=1)
    }
    routing = {name: Routing(as_number=number) for name, number in numbers.items()}
    document = {"title": site, "district": "d", "as_number": numbers[site], "address_pools": POOL}
    return site_context(
        name=site,
        site=Site.model_validate(document),
        rows={},
        around=Surroundings(routing=routing, links=links),
    )


def test_disjoint_links_have_sessions_of_their_own() -> None:
    """Two links between the same sites are two sessions, each over its own interface, with its own risk named."""
    text = render_all([pair((("10.1.0.0/31",), ("10.1.0.2/31",)))])["sites/one/etc/frr/frr.conf"]
    assert read_router(text).neighbors == {"10.1.0.1": 65002, "10.1.0.3": 65002}
    assert "goes down with: duct d1." in text
    assert "goes down with: duct d2." in text
    assert "update-source" not in text


def test_links_without_a_pair_of_addresses_still_have_two_ends() -> None:
    """A link without prefixes has one session over its interface; a wider prefix gives its first two host addresses."""
    ends = {site: pair(((), ("10.1.0.8/29",)), site=site) for site in ("one", "two")}
    routers = {site: read_router(render_all([end])[f"sites/{site}/etc/frr/frr.conf"]) for site, end in ends.items()}
    assert routers["one"].neighbors == {"l1": 65002, "10.1.0.10": 65002}
    assert routers["two"].neighbors == {"l1": 65001, "10.1.0.9": 65001}
    assert routers["one"].addresses == {"10.1.0.9/29"}
    assert routers["one"].active == {"ipv4": ["l1", "10.1.0.10"], "ipv6": ["l1"]}
    installed = installed_validator(FRR)
    assert installed.validate({"etc/frr/frr.conf": render_all([ends["one"]])["sites/one/etc/frr/frr.conf"]}).status == (
        "pass"
    )


def test_a_long_link_id_gives_a_name_that_linux_takes() -> None:
    """An interface's name has at most 15 characters, and two long ids do not get the same one."""
    names = {interface_name(f"{'a' * 40}-{number}") for number in range(500)} | {interface_name("l03")}
    assert len(names) == 501
    assert max(len(name) for name in names) <= 15
    assert "l03" in names


def test_a_site_without_a_number_has_no_router() -> None:
    """Without an autonomous system there is nothing to route, and the monitoring is there all the same."""
    site = Site.model_validate({"title": "x", "district": "d"})
    files = render_all([site_context(name="x", site=site, rows={}, around=Surroundings())])
    assert [path.rsplit("/", 1)[1] for path in files] == ["prometheus.yml", "zonewright.yml"]


def test_a_site_of_nothing_is_taken_by_its_programs() -> None:
    """A site without pools, links, meters or rows still renders to what promtool and vtysh take."""
    site = Site.model_validate({"title": "x", "district": "d", "as_number": 64512})
    files = render_all([site_context(name="x", site=site, rows={}, around=Surroundings())])
    for format_ in SITE_FORMATS:
        own = {file.path: files[f"sites/x/{file.path}"] for file in format_.files}
        verdict = installed_validator(format_).validate(own)
        assert verdict.status == "pass", verdict.detail


def test_limits_of_feeds_cover_every_rack_once() -> None:
    """Each rack of each site is matched by exactly one limit of each of its feeds."""
    rows: dict[str, Any] = {}
    for path, (a, b) in {"x/r1/01": (5000, 5000), "x/r1/02": (5000, 4000), "x/r2/01": (5000, 5000)}.items():
        feeds = {"A": {"power_panel": "p", "rated_w": a}, "B": {"power_panel": "q", "rated_w": b}}
        rows[path] = Row.model_validate({"racks": 2, "feeds": feeds})
    site = Site.model_validate({"title": "x", "district": "d"})
    made = site_context(name="x", site=site, rows=rows, around=Surroundings())
    limits: dict[tuple[str, str], list[int]] = defaultdict(list)
    for path in rows:
        for item in made.feeds:
            if re.fullmatch(item.racks, f"{path}/01"):
                limits[path, item.feed].append(item.limit_w)
    assert limits == {(path, feed): [row.feeds[feed].available_w] for path, row in rows.items() for feed in row.feeds}
    assert {item.limit_w for item in made.failovers if re.fullmatch(item.racks, "x/r1/02/01")} == {3200}


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", "UPPER", "a\n"])
def test_a_name_can_not_lead_to_another_folder(name: str) -> None:
    """A site's name that is no identifier is refused before a path is made of it."""
    site = Site.model_validate({"title": "x", "district": "d"})
    with pytest.raises(RenderError):
        render_all([site_context(name=name, site=site, rows={}, around=Surroundings())])


def test_the_limit_is_rendered_where_it_holds() -> None:
    """The large new data centres have the alert on the ratio, an edge site has not."""
    for site, made in reference_sites().items():
        has_alert = "EnergyRatioAboveLimit" in text_of(PROMETHEUS, site, 1)
        assert has_alert == bool(made.ratio_numerator)
    assert (reference_sites()["wj-dc1"].ratio_numerator, reference_sites()["wj-dc1"].ratio_denominator) == (5, 4)
    assert reference_sites()["wj-edge-lili"].ratio_numerator == 0


def test_a_site_that_joins_changes_nothing_of_the_others() -> None:
    """A new site only adds lines to a router's file, so that an auditor sees what is new and nothing else."""
    routing = {f"s{number}": Routing(as_number=65000 + number, networks=(f"10.{number}.0.0/16",)) for number in (1, 3)}
    site = Site.model_validate({"title": "x", "district": "d", "as_number": 65001})
    texts = []
    for more in ({}, {"s2": Routing(as_number=65002, networks=("10.2.0.0/16",))}):
        around = Surroundings(routing=routing | more)
        texts.append(
            render_all([site_context(name="s1", site=site, rows={}, around=around)])["sites/s1/etc/frr/frr.conf"]
        )
    kept = [line for line in texts[1].splitlines() if line in set(texts[0].splitlines())]
    assert [line for line in texts[0].splitlines() if line not in kept] == []
    assert "route-map zone-in-v4 permit 65003" not in texts[0]
    assert texts[1].count("s2") == 5


def test_numbers_of_entries_never_meet() -> None:
    """Two autonomous systems that would get the same entry of a route map get two."""
    routing = {name: Routing(as_number=number) for name, number in (("a", 7), ("b", 7 + 65534), ("c", 65533))}
    peers = members_of("x", Site.model_validate({"title": "x", "district": "d"}), Surroundings(routing=routing))
    assert [(peer.site, peer.sequence) for peer in peers] == [("a", 8), ("b", 9), ("c", 65534)]
