"""From what runs to what was rendered: the right lines in the right order, and nothing of anybody else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support.golden import FOLDER
from zonewright.cli import main
from zonewright.remediation.remedies import remedies
from zonewright.remediation.remedy import RunningConfigurationError

FILES = FOLDER / "switches"
GROUPS = ("tenant-a", "tenant-b")


def intended(name: str) -> list[str]:
    """All files of a switch: the site's, and those of two parties."""
    paths = [FILES / "sites/dc1/switches" / name, *(FILES / f"groups/dc1/{one}/switches" / name for one in GROUPS)]
    return [path.read_text(encoding="utf-8") for path in paths]


LINES = "".join(intended("leaf-a1.cfg"))
"""What a switch with EOS runs that has all that was rendered."""
MORE = """\
aaa authorization exec default local
username admin privilege 15 secret sha512 $6$x
banner motd
interface Ethernet99
   switchport access vlan 1
EOF
interface Management1
   ip address 10.0.0.9/24
interface Vlan1
   no ip address
"""
"""What it also runs, and no file of ours says."""


def eos(running: str, *, files: list[str] | None = None, is_whole: bool = False) -> tuple[list[str], tuple[str, ...]]:
    """Lines to paste at the leaf, and what is left alone."""
    (found,) = remedies({"leaf-a1.cfg": running}, {"leaf-a1.cfg": files or intended("leaf-a1.cfg")}, is_whole=is_whole)
    return found.text.splitlines(), found.left_alone


def test_nothing_is_done_where_all_is_as_rendered() -> None:
    """The same lines with users, banners and other interfaces beside them need nothing, and nothing of these goes."""
    for whole in (False, True):
        assert eos(f"{LINES}{MORE}", is_whole=whole) == ([], ())


def test_what_goes_is_first_and_no_vlan_opens() -> None:
    """A trunk stops being one before its list goes, and a new trunk has its list before it is one."""
    trunk = "switchport trunk native vlan 9\n   switchport trunk allowed vlan 9,10\n   switchport mode trunk"
    assert eos(LINES.replace("switchport access vlan 120", trunk))[0] == [
        "interface Ethernet7",
        "   no switchport mode",
        "   no switchport trunk native vlan",
        "   no switchport trunk allowed vlan",
        "   switchport access vlan 120",
    ]
    access = LINES.replace("   switchport trunk native vlan 110\n   switchport trunk allowed vlan 110,210\n", "")
    access = access.replace("switchport mode trunk\n   spanning-tree", "switchport access vlan 110\n   spanning-tree")
    assert eos(access)[0] == [
        "interface Ethernet5",
        "   no switchport access vlan",
        "   switchport trunk native vlan 110",
        "   switchport trunk allowed vlan 110,210",
        "   switchport mode trunk",
    ]


def test_a_value_takes_the_place_of_another() -> None:
    """A name, a description, a list of VLANs and a LAG are written over: without a `no`, under which all would pass."""
    running = (
        LINES.replace("vlan 20,110,120,210", "vlan 20,110")
        .replace("web-001 ens1f0", "web-009 ens1f0")
        .replace("channel-group 11 ", "channel-group 13 ")
        .replace("   name tenant-a\n", "   name old\n")
        .replace("hostname leaf-a1", "hostname localhost")
    )
    lines, _ = eos(running)
    assert not [line for line in lines if line.strip().startswith("no ")]
    assert lines[:3] == ["vlan 110", "   name tenant-a", "interface Port-Channel11"]
    assert "   switchport trunk allowed vlan 20,110,120,210" in lines
    assert "hostname leaf-a1" in lines


def test_what_no_file_names_goes_only_if_all_files_are_there() -> None:
    """A port, a LAG and a VLAN of nobody are told and left alone; with --whole they go, ports first and VLANs last."""
    strange = """\
vlan 30
   name old
interface Port-Channel7
   switchport access vlan 30
interface Ethernet9
   description gone-001 eno1
   channel-group 7 mode active
interface Ethernet10
"""
    lines, left = eos(f"{strange}{LINES}")
    assert lines == []
    assert left == ("vlan 30 (old)", "interface Port-Channel7", "interface Ethernet9 (gone-001 eno1)")
    lines, left = eos(f"{strange}{LINES}", is_whole=True)
    assert lines == ["default interface Ethernet9", "no interface Port-Channel7", "no vlan 30"]
    assert left == ()


def test_a_part_of_the_files_touches_its_own_ports_only() -> None:
    """With one party's files alone, neither the site's lines nor another party's ports are proposed to go."""
    lines, left = eos(LINES.replace("web-001 ens1f0", "x"), files=[intended("leaf-a1.cfg")[1]])
    assert lines == ["interface Ethernet5", "   description web-001 ens1f0"]
    assert "interface Ethernet7 (app-001 data 1)" in left


def test_an_empty_switch_gets_all() -> None:
    """A switch that has its name only gets every line, and once it runs them it needs nothing."""
    lines, _ = eos("hostname leaf-a1\n")
    assert eos("".join(f"{line}\n" for line in ["hostname leaf-a1", *lines])) == ([], ())


def patched(tables: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """Tables after a JSON Patch (RFC 6902) of objects."""
    for one in operations:
        *above, last = [part.replace("~1", "/").replace("~0", "~") for part in one["path"].split("/")[1:]]
        held = tables
        for part in above:
            held = held[part]
        if one["op"] in {"remove", "replace"}:
            assert last in held
        if one["op"] == "remove":
            del held[last]
        else:
            held[last] = one["value"]
    return tables


def merged(texts: list[str]) -> dict[str, Any]:
    """Tables of several files."""
    found: dict[str, Any] = {}
    for text in texts:
        for name, rows in json.loads(text).items():
            for key, row in rows.items():
                found.setdefault(name, {}).setdefault(key, {}).update(row)
    return found


def sonic(running: Mapping[str, Any], *, is_whole: bool = False) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The operations for the leaf with SONiC, and what is left alone."""
    text = json.dumps(running)
    files = {"leaf-a2.json": intended("leaf-a2.json")}
    (found,) = remedies({"leaf-a2.json": text}, files, is_whole=is_whole)
    return json.loads(found.text or "[]"), found.left_alone


def test_a_patch_makes_the_tables_what_was_rendered() -> None:
    """Applied to what runs it gives what was rendered, keeps what others wrote, and then proposes nothing."""
    want = merged(intended("leaf-a2.json"))
    running = merged(intended("leaf-a2.json"))
    running["PORT"]["Ethernet16"] |= {"lanes": "5", "admin_status": "down"}
    running["PORT"]["Ethernet200"] = {"lanes": "9"}
    running["SYSLOG_SERVER"] = {"10.0.0.1": {}}
    running["VLAN_MEMBER"]["Vlan120|Ethernet16"] = {"tagging_mode": "tagged"}
    del running["VLAN_MEMBER"]["Vlan210|Ethernet100"], running["NTP_SERVER"], running["VLAN"]["Vlan210"]
    operations, left = sonic(running)
    assert left == ()
    assert operations[0] == {"op": "remove", "path": "/VLAN_MEMBER/Vlan120|Ethernet16"}
    after = patched(running, operations)
    assert after["SYSLOG_SERVER"] == {"10.0.0.1": {}}
    assert after["PORT"]["Ethernet200"] == {"lanes": "9"}
    assert after["PORT"]["Ethernet16"] == {**want["PORT"]["Ethernet16"], "lanes": "5"}
    assert {name: after[name] for name in want if name != "PORT"} == {n: want[n] for n in want if n != "PORT"}
    assert sonic(after) == ([], ())


def test_rows_of_other_ports_go_only_if_all_files_are_there() -> None:
    """A member that no file names is told and left alone, and goes with --whole before its VLAN does."""
    running = merged(intended("leaf-a2.json"))
    running["VLAN"]["Vlan30"] = {"vlanid": "30"}
    running["VLAN_MEMBER"]["Vlan30|Ethernet8"] = {"tagging_mode": "untagged"}
    assert sonic(running) == ([], ("VLAN|Vlan30", "VLAN_MEMBER|Vlan30|Ethernet8"))
    operations, left = sonic(running, is_whole=True)
    assert [one["path"] for one in operations] == ["/VLAN_MEMBER/Vlan30|Ethernet8", "/VLAN/Vlan30"]
    assert left == ()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("leaf-a1.cfg", "% Invalid input\n", "the switch answered '% Invalid input'; save the output of"),
        ("leaf-a1.cfg", "", "no line of a configuration, such as 'interface Ethernet1'"),
        ("leaf-a1.cfg", "hostname leaf-b1\n", "it is the configuration of leaf-b1; name the file after its switch"),
        ("leaf-a1.txt", LINES, "expected the switch's id with .cfg"),
        ("leaf-z9.cfg", LINES, "no file was rendered for this switch; there are files for leaf-a1.cfg, leaf-a2.json"),
        ("leaf-a2.json", "{", "not JSON: "),
        ("leaf-a2.json", "[]", "no tables; save the output of 'show runningconfiguration all'"),
        ("leaf-a2.json", '{"DEVICE_METADATA": {"localhost": {"hostname": "b"}}}', "it is the configuration of b;"),
    ],
    ids=range(8),
)
def test_what_cannot_be_compared_is_a_sentence(name: str, text: str, told: str) -> None:
    """Another switch's output, an answer of the switch, and a file of another kind, each with what to do."""
    files = {one: intended(one) for one in ("leaf-a1.cfg", "leaf-a2.json")}
    with pytest.raises(RunningConfigurationError) as caught:
        remedies({name: text, "x.cfg": LINES}, files)
    assert len(caught.value.sentences) == 2
    assert any(one.startswith(f"{name}: {told}") for one in caught.value.sentences)


def test_the_command_prints_what_is_to_be_pasted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of running configurations against rendered folders: lines on standard output, 1 with --exit-code."""
    running = tmp_path / "running"
    running.mkdir()
    (running / "leaf-a1.cfg").write_text(LINES.replace("web-001 ens1f0", "x"), encoding="utf-8")
    (running / "leaf-a2.json").write_text(json.dumps(merged(intended("leaf-a2.json"))), encoding="utf-8")
    command = ["remediate", str(running), "--intended", str(FILES), "--exit-code"]
    assert main(command) == 1
    said = capsys.readouterr().out
    assert said == "! leaf-a1\ninterface Ethernet5\n   description web-001 ens1f0\n# leaf-a2: nothing to do\n"
    assert main([*command, "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["leaf-a2"] == {"dialect": "sonic", "text": "", "left_alone": []}
    (running / "leaf-a1.cfg").write_bytes(b"\xff")
    assert main(["remediate", str(running), "--intended", str(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"error: {tmp_path} has no files of switches; write some with `zonewright render --out {tmp_path}`",
        f"error: {running / 'leaf-a1.cfg'} is no UTF-8 text",
    ]


STRANGE = (
    ("leaf-a1.cfg", f"{LINES}ntp server 10.0.0.1\x1b[2J\n"),
    ("leaf-a1.cfg", f"{LINES}interface Ethernet9\n   description a\x07b\n"),
    ("leaf-a2.json", '{"VLAN": {"Vlan1\\u001b[2J": {}}}'),
    ("leaf-a2.json", '{"VLAN": {"Vlan1\\ud800": {}}}'),
    ("leaf-a2.json", '{"DEVICE_METADATA": {"localhost": {"hostname": []}}}'),
    ("leaf-a2.json", '{"DEVICE_METADATA": {"localhost": {"hostname": {"a": 1}}}}'),
)


@pytest.mark.parametrize(("name", "text"), STRANGE, ids=range(len(STRANGE)))
def test_nothing_of_a_switch_acts_on_a_terminal(name: str, text: str) -> None:
    """Control characters and other kinds of values in what a switch runs are a sentence that can be printed."""
    with pytest.raises(RunningConfigurationError) as caught:
        remedies({name: text}, {name: intended(name)})
    assert all(one.isprintable() for one in caught.value.sentences)


def test_what_stands_behind_another_end_of_line_is_a_line_of_its_own() -> None:
    """A carriage return alone ends a line, too: nothing that stands behind it is pasted within another line."""
    lines, _ = eos(f"{LINES}ntp server 10.0.0.1\rusername strange\n")
    assert lines == ["no ntp server 10.0.0.1"]


def test_vlans_in_one_section_are_vlans_of_their_own() -> None:
    """EOS shows VLANs with the same lines as one: each is told and left alone, or goes with --whole."""
    lines, left = eos(f"{LINES}vlan 30-31,40\n")
    assert (lines, left) == ([], ("vlan 30", "vlan 31", "vlan 40"))
    assert eos(f"{LINES}vlan 30-31,40\n", is_whole=True) == (["no vlan 30", "no vlan 31", "no vlan 40"], ())


def test_switches_of_one_name_at_two_sites_are_not_mixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files of another site's switch with the same name are not taken for this one's: the sites are told."""
    for site in ("dc1", "dc2"):
        folder = tmp_path / "rendered" / "sites" / site / "switches"
        folder.mkdir(parents=True)
        (folder / "leaf-a1.cfg").write_text(intended("leaf-a1.cfg")[0], encoding="utf-8")
    running = tmp_path / "leaf-a1.cfg"
    running.write_text(LINES, encoding="utf-8")
    assert main(["remediate", str(running), "--intended", str(tmp_path / "rendered")]) == 2
    assert "leaf-a1.cfg: there are switches of this name at dc1 and at dc2; name" in capsys.readouterr().err
    assert main(["remediate", str(running), "--intended", str(tmp_path / "rendered" / "sites" / "dc1")]) == 0
