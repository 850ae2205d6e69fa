"""Switches, BMCs, outlets: the committed files are what is rendered, and a dialect refuses what its device would."""

import shutil
from functools import cache
from pathlib import Path

import pytest

from support.golden import compare_golden
from support.validators import validator_of
from support.zone_contexts import SWITCHED_ZONE as ZONE
from support.zone_contexts import contexts_of_folder, judged_folder, switched_contexts
from zonewright.declare.load import load_zone
from zonewright.dialects import eos, redfish, sonic
from zonewright.model.asset import SiteAsset
from zonewright.model.asset_properties import asset_properties, site_of
from zonewright.model.switch import range_of
from zonewright.render import RenderError, render_all
from zonewright.render.contexts.switch_sides import vlan_names
from zonewright.render.formats.format import Format
from zonewright.render.formats.rack_labels import OUTLET_LABELS
from zonewright.render.formats.switches import EOS, EOS_PORTS, REDFISH, SONIC, SONIC_PORTS

FORMATS = (EOS, EOS_PORTS, SONIC, SONIC_PORTS, REDFISH, OUTLET_LABELS)
FAULTS = {"eos": eos.faults, "redfish": redfish.faults, "sonic": sonic.faults}


@cache
def files() -> dict[str, str]:
    """The files of these formats of the zone with switches, by path."""
    made = render_all(switched_contexts())
    return {path: text for path, text in made.items() if any(one.owns(path) for one in FORMATS)}


def test_rendered_files_are_the_committed_ones() -> None:
    """A leaf and a spine of each dialect, their ports to nodes of two parties, BMCs and labels: byte for byte."""
    folder = Path(__file__).parents[1] / "golden" / "switches"
    for path, text in files().items():
        compare_golden(f"switches/{path}", text)
    held = {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()}
    assert held == set(files())


@pytest.mark.parametrize("format_", [EOS, SONIC, REDFISH], ids=lambda item: item.id)
def test_each_dialect_is_judged_in_a_place_of_its_own(format_: Format) -> None:
    """The program of a format passes its files, and says file, line and word of what it refuses."""
    path, text = next((path, text) for path, text in files().items() if format_.owns(path))
    below = path.split("/", 2 if format_.subject == "site" else 3)[-1]
    assert validator_of(format_).validate({below: text}).status == "pass"
    refused = validator_of(format_).validate({below: text.replace("interface E", "interfaec E").replace("up", "upp")})
    if format_ is not REDFISH:
        assert refused.status == "fail"
        assert refused.detail.startswith(f"{below}:")


def mistaken(path: str, right: str, wrong: str) -> list[str]:
    """What a dialect says of a committed file with a mistake in it."""
    text = files()[path]
    assert right in text
    dialect = "redfish" if "redfish" in path else "eos" if path.endswith(".cfg") else "sonic"
    assert list(FAULTS[dialect](text)) == []
    return [what for _, what in FAULTS[dialect](text.replace(right, wrong))]


LEAF, PORTS = "sites/dc1/switches/leaf-a1.cfg", "groups/dc1/tenant-a/switches/leaf-a1.cfg"
TABLES, ROWS = "sites/dc1/switches/leaf-a2.json", "groups/dc1/tenant-a/switches/leaf-a2.json"
BODIES = "groups/dc1/tenant-a/redfish/web-001.json"


@pytest.mark.parametrize(
    ("path", "right", "wrong", "told"),
    [
        (LEAF, "hostname leaf", "hostnam leaf", "not a line that is known: 'hostnam leaf-a1'"),
        (LEAF, "2001:db8::2", "2001:db8::2::3", "not an address: '2001:db8::2::3'"),
        (LEAF, "vlan 20,110", "vlan 30,110", "Port-Channel11 has VLAN 30, which is not declared"),
        (LEAF, "vlan 20\n", "vlan 4095\n", "no number of a VLAN: 4095"),
        (LEAF, "vlan 120\n", "vlan 110\n", "VLAN 110 for the second time"),
        (LEAF, "   name tenant-a\n", "   nam tenant-a\n", "not a line of this section: 'nam tenant-a'"),
        (LEAF, "Ethernet50\n", "Ethernet49\n", "Ethernet49 for the second time"),
        (LEAF, "channel-group 11", "channel-group 12", "Ethernet49 is in channel-group 12, and there is no"),
        (LEAF, "   switchport mode trunk\n", "", "Port-Channel11 allows VLANs with a tag and is no trunk"),
        (PORTS, "native vlan 110", "native vlan 120", "Ethernet5 does not allow its native VLAN 120"),
        (PORTS, "access vlan 110", "access vlan 110\n   switchport mode trunk", "is a trunk and has an access VLAN"),
        (
            PORTS,
            "   channel-group",
            "   switchport access vlan 9\n   channel-group",
            "is a part of a LAG and has VLANs",
        ),
        (PORTS, "bpduguard enable", "bpduguard enabel", "not a line of this section"),
        (TABLES, '"VLAN": {', '"VLAN": {"Vlan4095": {},', "VLAN|Vlan4095: not a key of this table"),
        (TABLES, '"vlanid": "110"', '"vlanid": "111"', "VLAN|Vlan110: 'vlanid' is not the number in the key"),
        (TABLES, '"vlanid"', '"vlan_id"', "VLAN|Vlan110: 'vlan_id' is no field of this table"),
        (TABLES, '"up"', '"on"', "PORT|Ethernet192: 'admin_status' cannot be 'on'"),
        (TABLES, '"10.80.0.3"', '"10.80.0"', "NTP_SERVER|10.80.0: not an address"),
        (TABLES, '"Vlan20|', '"Vlan30|', "VLAN_MEMBER|Vlan30|PortChannel12: there is no Vlan30"),
        (TABLES, '"Vlan20|PortChannel12"', '"Vlan20|Ethernet192"', "Ethernet192 is a part of a LAG"),
        (TABLES, '12|Ethernet196"', '13|Ethernet196"', "there is no PortChannel13"),
        (TABLES, '"VLAN": {', '"VLAN": [],\n"VLAN": {', "key 'VLAN' for the second time"),
        (
            ROWS,
            '{"tagging_mode": "tagged"}',
            '{"tagging_mode": "untagged"}',
            "Ethernet16 is untagged in Vlan110 already",
        ),
        (ROWS, '{"tagging_mode": "tagged"}', "{}", "'tagging_mode' is missing"),
        (ROWS, '"PORT": {', '"PORT": {,', "not JSON: "),
        (BODIES, "PowerRestorePolicy", "PowerRestore", "'PowerRestore' is no property of this resource"),
        (BODIES, '"LastState"', '"Last"', "'PowerRestorePolicy' cannot be 'Last'"),
        (BODIES, '"RackOffset": 5', '"RackOffset": "5"', "'RackOffset' cannot be '5'"),
        (BODIES, "/NetworkProtocol", "/Protocols", "/redfish/v1/Managers/1/Protocols: not a resource that is known"),
        (BODIES, '"SetPoint"', '"Setpoint"', "'Setpoint' is no property of this resource"),
        (BODIES, '"NTP"', '"NTPS"', "'NTPS' is no property of this resource"),
    ],
    ids=lambda item: item.split("/")[-1][:20].strip(),
)
def test_a_dialect_names_what_its_device_would_refuse(path: str, right: str, wrong: str, told: str) -> None:
    """A misspelt word, a number out of range, and what no other part of the file has, are each told."""
    assert any(told in what for what in mistaken(path, right, wrong)), mistaken(path, right, wrong)


def test_lines_of_the_rest_of_a_language_are_taken() -> None:
    """A zone's own template may add what these formats do not write, such as users and SNMP."""
    assert list(eos.faults("username a privilege 15 secret sha512 x\nsnmp-server contact b\n")) == []
    assert list(sonic.faults('{"SYSLOG_SERVER": {"10.0.0.1": {"port": "514"}}}')) == []


def changed(folder: Path, file: str, right: str, wrong: str) -> Path:
    """The zone with one thing changed."""
    shutil.copytree(ZONE, folder, dirs_exist_ok=True)
    text = (folder / file).read_text(encoding="utf-8")
    assert right in text
    (folder / file).write_text(text.replace(right, wrong), encoding="utf-8")
    return folder


def test_a_lag_at_two_switches_is_refused(tmp_path: Path) -> None:
    """A bond by LACP whose ports are cabled to two switches would not come up, and is told with both."""
    zone = changed(
        tmp_path,
        "facility-operator.yaml",
        "rack: a/01/03, positions: 01..04, port: 2",
        "rack: a/01/04, positions: 01..04, port: 2",
    )
    facility = zone / "facility-operator.yaml"
    text = facility.read_text(encoding="utf-8").replace(
        "Ethernet45..47: {rack: a/01/02", "Ethernet45..47: {rack: a/01/03"
    )
    facility.write_text(text, encoding="utf-8")
    assert load_zone(zone, on="2026-07-01").problems == ()
    with pytest.raises(RenderError, match=r"uplink is 802\.3ad, and its ports are at leaf-a1 and leaf-a2"):
        render_all(contexts_of_folder(zone))


def test_a_preview_shows_cables_and_a_policy_reads_them() -> None:
    """The switches of a site are properties of its resource, without what is as usual, and the same when read back."""
    site = judged_folder(ZONE)[0].owners["operator"].sites["dc1"].model_copy(update={"rooms": {}})
    told = asset_properties(SiteAsset(site=site))
    assert told["switches"]["spine-1"]["interfaces"]["Ethernet1"] == {"router": "lan0"}
    assert site_of(told).site.switches == site.switches


def test_vlans_that_begin_alike_have_names_of_their_own_in_a_switch() -> None:
    """A name has 32 characters; of two ids that share the first ones each is told by its digest, others stay."""
    long = f"tenant-with-a-long-name-{'x' * 20}"
    names = vlan_names([f"{long}-data", f"{long}-storage", f"other-{long}", "short"])
    assert len(set(names.values())) == len(names)
    assert {len(one) <= 32 for one in names.values()} == {True}
    assert (names["short"], names[f"other-{long}"]) == ("short", f"other-{long}"[:32])


def test_ranges_are_as_people_write_them() -> None:
    """One name, names with and without steps, breakouts and rack units; all else is a sentence."""
    assert range_of("Ethernet1/1..3") == ("Ethernet1/1", "Ethernet1/2", "Ethernet1/3")
    assert range_of("Ethernet0..8 by 4") == ("Ethernet0", "Ethernet4", "Ethernet8")
    assert range_of("01..03") == ("1", "2", "3")
    for wrong in ("Ethernet3..1", "Ethernet01", "1..", "Ethernet1..2 by 0", ""):
        with pytest.raises(ValueError, match="expected one, or a range from low to high"):
            range_of(wrong)
