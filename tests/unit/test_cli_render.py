"""`zonewright diff` and `zonewright render` of a facility and of a tenant, as a person or a script meets them."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.signing import key_of
from support.zone_project import ZONE, cluster, facility
from zonewright.cli import main
from zonewright.render.formats import FORMATS

Run = Callable[..., tuple[int, str, str]]
ROUTED = {**ZONE, "parties": {**ZONE["parties"], "carrier": {"title": "C", "roles": ["network-operator"]}}}


def sites(racks: int = 2) -> dict[str, Any]:
    """The operator's file: a data centre and a second site, each with an autonomous system."""
    document = facility(racks)
    document["sites"]["dc1"].update(as_number=65001, overhead={"plant_kw": 1, "slope": 0.1})
    document["sites"]["edge"] = {"title": "Edge", "kind": "edge", "district": "north", "as_number": 65002}
    return document


def links(cores: int = 8, **more: Any) -> dict[str, Any]:
    """The carrier's file: one link between the two."""
    route = {"crs": "WGS84", "points": [[31.0, 120.0], [31.0, 120.01]]}
    duct = {"route": route, "length_m": 2000, "bores": 4}
    link = {"a": "dc1", "b": "edge", "ducts": ["d1"], "cores": cores, "prefixes": ["10.79.0.0/31"], **more}
    return {"owner": "carrier", "ducts": {"d1": duct}, "links": {"l1": link}}


def write(root: Path, name: str, document: Mapping[str, Any]) -> None:
    """One file of the zone."""
    path = root / "zones" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(document), sort_keys=False), encoding="utf-8")


@pytest.fixture(name="root")
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an operator, a carrier and a tenant; the working directory."""
    (tmp_path / "Pulumi.yaml").write_text("name: x\nruntime: python\n", encoding="utf-8")
    write(tmp_path, "zone", ROUTED)
    write(tmp_path, "facility-operator", sites())
    write(tmp_path, "tenant-a", {"owner": "tenant-a", "clusters": {"web": cluster(2)}})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("ZONEWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture(name="run")
def _run(root: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    assert root

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as leave:  # argparse
            code = int(str(leave.code or 0))
        shown = capsys.readouterr()
        assert "Traceback" not in shown.out + shown.err
        return code, shown.out, shown.err

    assert run("ledger", "init", "zones")[0] == 0
    for name, file in (("operator", "facility-operator"), ("tenant-a", "tenant-a")):
        config = {
            "zone:declaration": f"zones/{file}.yaml",
            "zone:ledger": "sqlite:///.zonewright/ledger.db",
            "zone:stackId": f"loaded-{name}",
        }
        (root / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
    return run


def test_exit_codes_of_diff_are_those_of_git(root: Path, run: Run) -> None:
    """0 with a difference, 1 only with --exit-code, 0 again when it is deployed; faults and refusals are 2."""
    assert run("diff", "--stack", "operator")[0] == 0
    code, out, _ = run("diff", "--stack", "operator", "--exit-code", "--every-file")
    assert code == 1
    _, listed, _ = run("render", "--stack", "operator")
    assert out.count("--- /dev/null") == len(listed.splitlines()) - 1 > 6
    assert run("ledger", "load", "zones")[0] == 0
    assert run("diff", "--stack", "operator", "--exit-code") == (0, "", "")
    assert run("diff")[0] == 2
    write(root, "facility-operator", {**sites(), "sites": 7})
    code, _, errors = run("diff", "--stack", "operator", "--exit-code")
    assert code == 2
    assert "facility-operator.yaml:" in errors
    write(root, "facility-operator", sites())
    write(root, "zone", {**ROUTED, "title": "Another file than the registered one"})
    code, out, err = run("diff", "--stack", "operator", "--exit-code")
    assert (code, out) == (2, "")
    assert "zone.yaml differs" in err


def test_a_facility_sees_kilowatts_units_and_ratio(root: Path, run: Run) -> None:
    """More racks are capacity; baseline is what they take; the ratio moves; other sites are left out."""
    assert run("ledger", "load", "zones")[0] == 0
    document = sites(racks=5)
    document["sites"]["dc1"]["rooms"]["a"]["rows"]["01"]["baseline"] = {
        "old": {"racks": "01..02", "position": 1, "u_height": 4, "allocated_draw": 1000}
    }
    write(root, "facility-operator", document)
    code, out, _ = run("diff", "--stack", "operator", "--exit-code")
    assert code == 1
    assert out.splitlines()[0].startswith(
        "# dc1: +2.0 kW, +8 U; capacity +30.0 kW, +126 U, energy ratio of the next twelve"
    )
    assert "# edge" not in out
    _, out, _ = run("diff", "--stack", "operator", "--format", "json")
    impact = json.loads(out)["impact"]
    assert set(impact) == {"dc1"}
    assert impact["dc1"]["capacity_units"] == 3 * 42


def test_a_link_of_another_stack_is_a_difference_and_no_refusal(root: Path, run: Run) -> None:
    """A carrier's new, changed or removed link shows in the facility's next difference; its load still works."""
    assert run("ledger", "load", "zones")[0] == 0
    write(root, "network-carrier", links())
    assert run("ledger", "load", "zones", "--only=carrier")[0] == 0
    _, out, _ = run("diff", "--stack", "operator")
    assert "+ neighbor 10.79.0.1 remote-as 65002" in out
    assert "+ neighbor 10.79.0.0 remote-as 65001" in out
    assert run("ledger", "load", "zones", "--only=operator")[0] == 0
    assert run("diff", "--stack", "operator", "--exit-code")[0] == 0
    write(root, "network-carrier", links(cores=16))
    assert run("ledger", "load", "zones", "--only=carrier")[0] == 0
    assert run("diff", "--stack", "operator", "--exit-code")[0] == 0  # cores are nothing to a router
    write(root, "network-carrier", links(status="planned"))
    assert run("ledger", "load", "zones", "--only=carrier")[0] == 0
    _, out, _ = run("diff", "--stack", "operator")
    assert out.count("+ neighbor 10.79.0") == 2
    assert "shutdown" in out
    # A tenant's files rest on no link, and a facility's on no tenant.
    assert run("diff", "--stack", "tenant-a", "--exit-code")[0] == 0


def test_verdicts_are_shown_on_what_differs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the programs each verdict is not-run with its package, in text and JSON; nothing is called a pass."""
    monkeypatch.setenv("PATH", "/nowhere")
    _, out, _ = run("diff", "--stack", "operator")
    assert "# not-run  2 nodes or sites: vtysh is not installed (package frr)" in out
    assert "pass" not in out.split("---")[0]
    _, out, _ = run("diff", "--stack", "operator", "--format", "json")
    verdicts = json.loads(out)["verdicts"]
    assert {item["format"] for item in verdicts} == {"frr", "router-sysctl", "prometheus", "bind"}
    assert {item["status"] for item in verdicts} == {"not-run"}


def test_render_writes_what_it_shows(root: Path, run: Run) -> None:
    """Files land below --out as they would stand on the hosts; twice the same; a full folder is refused."""
    assert run("ledger", "load", "zones")[0] == 0
    code, listed, _ = run("render", "--stack", "operator")
    assert code == 0
    assert run("render", "--stack", "operator", "--out", "one")[0] == 0
    assert run("render", "--stack", "operator", "--out", "two")[0] == 0
    one, two = (
        {str(path.relative_to(root / name)): path.read_bytes() for path in (root / name).rglob("*") if path.is_file()}
        for name in ("one", "two")
    )
    assert one == two
    assert listed.splitlines() == [*sorted(one), f"{len(one)} files"]
    code, out, err = run("render", "--stack", "operator", "--out", "one")
    assert (code, out) == (2, "")
    assert "not an empty folder" in err
    _, out, _ = run("render", "--stack", "operator", "--format", "json")
    assert sorted(json.loads(out)["files"]) == sorted(one)


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("echo wrong; exit 1", 1), ("kill -9 $$", 0)])
def test_render_validates_all_files(
    script: str, code: int, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--validate gives each program the files of each site; one failure ends with 1, what was not run is told."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in {programs / format_.check.program for format_ in FORMATS if format_.check is not None}:
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin")
    given, out, _ = run("render", "--stack", "operator", "--validate")
    assert given == code
    word = {"exit 0": "pass  ", "kill -9 $$": "not-run"}.get(script, "fail  ")
    assert sum(line.startswith(word) for line in out.splitlines()) >= 2
    assert ("wrong" in out) == bool(code)


def test_a_large_difference_says_what_was_not_validated(root: Path, run: Run) -> None:
    """Beyond the bound of diff the rest is not run and said so, and render runs it."""
    assert run("ledger", "load", "zones", "--only=operator")[0] == 0
    write(root, "tenant-a", {"owner": "tenant-a", "clusters": {"web": cluster(30)}})
    _, out, _ = run("diff", "--stack", "tenant-a", "--format", "json")
    left_out = [item for item in json.loads(out)["verdicts"] if item["output"] == "only the first 20 of 91 were run"]
    assert len(left_out) == 71
    assert {item["status"] for item in left_out} == {"not-run"}
    # Each format has its share of what is run.
    assert Counter(item["format"] for item in left_out) == {"netplan": 23, "nftables": 24, "agent-settings": 24}


def test_a_line_is_explained_by_template_and_declaration(root: Path, run: Run) -> None:
    """File, line and owner of what a line rests on, also where it is another owner's; JSON says the same."""
    write(root, "network-carrier", links())
    assert run("ledger", "load", "zones")[0] == 0
    assert run("render", "--stack", "operator", "--out", "one")[0] == 0
    path = "sites/dc1/etc/frr/frr.conf"
    lines = (root / "one" / path).read_text(encoding="utf-8").splitlines()
    number = 1 + lines.index(" ip address 10.79.0.0/31")
    code, out, _ = run("render", "--stack", "operator", "--explain", f"{path}:{number}")
    assert code == 0
    assert f"{path}:{number}:  ip address 10.79.0.0/31" in out
    assert "template  frr/frr.conf.j2:" in out
    assert "network-carrier.yaml:" in out
    assert "by carrier" in out
    _, out, _ = run("render", "--stack", "operator", "--explain", f"{path}:{number}", "--format", "json")
    assert json.loads(out)["origins"][0]["owner"] == "carrier"
    code, out, err = run("render", "--stack", "operator", "--explain", f"{path}:9999")
    assert (code, out) == (2, "")
    assert "no line 9999" in err
    assert run("render", "--stack", "operator", "--explain", path)[0] == 2


def test_a_format_of_ones_own_is_rendered_by_the_command(root: Path, run: Run) -> None:
    """A folder of templates beside the declarations adds its files; a fault in it ends with sentences and 1.

    A check renders too, of the folder or of the stack: a fault that shows only with values is found before the preview.
    """
    assert run("ledger", "load", "zones")[0] == 0
    folder = root / "zones" / "templates" / "motd"
    folder.mkdir(parents=True)
    entry = {"template": "motd.j2", "path": "etc/motd"}
    document = {"title": "motd", "subject": "site", "files": [entry], "filters": ["comment", "address"]}
    (folder / "format.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (folder / "motd.j2").write_text("{{ site.title | comment }}\n", encoding="utf-8")
    assert run("check", "zones")[0] == 0
    _, out, _ = run("render", "--stack", "operator")
    assert "sites/dc1/etc/motd" in out
    assert run("check", "--stack", "operator")[0] == 0
    (folder / "motd.j2").write_text("ok\n{{ site.title | address }}\n", encoding="utf-8")
    code, out, _ = run("check", "--stack", "operator")
    assert (code, "nothing was rendered: motd/motd.j2:2: {{ site.title | address }}: site.title" in out) == (1, True), (
        out
    )
    (folder / "motd.j2").write_text("ok\n{{ site.titel | comment }}\n", encoding="utf-8")
    code, out, _ = run("render", "--stack", "operator")
    assert code == 1
    assert out.startswith("templates/motd/motd.j2:2: site.titel: a template that may not run")


def test_verdicts_are_signed_in_one_place_and_count_in_another(
    root: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build service signs what its programs say; an engineer without them renders behind the gate."""
    key = root / "key.pem"
    private = key_of("anna").private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key.write_bytes(private)
    key.chmod(0o600)
    pack = {"title": "p", "valid_from": "2026-01-01", "valid_until": "2035-12-31", "gated_formats": ["frr"]}
    anna = {"title": "Anna", "party": "operator", "keys": [key_of("anna").public]}
    gated = {**ROUTED, "rule_packs": {"p": pack}, "rule_pack": "p"}
    write(root, "zone", {**gated, "signers": {"anna": anna}, "verdict_signers": ["anna"]})
    shutil.rmtree(root / ".zonewright")
    assert run("ledger", "init", "zones")[0] == 0
    monkeypatch.setenv("PATH", "/nowhere")
    code, out, _ = run("render", "--stack", "operator", "--validate")
    assert code == 1
    assert out.count("[validated-files]") == 2
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "vtysh").write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    (programs / "vtysh").chmod(0o700)
    monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin")
    signed = root / "signed"
    sign = ("--sign-verdicts", str(signed), "--key", str(key))
    assert run("render", "--stack", "operator", "--validate", *sign)[0] == 0
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    monkeypatch.setenv("PATH", "/nowhere")
    names = [word for path in sorted(signed.iterdir()) for word in ("--verdicts", str(path))]
    assert names
    code, out, _ = run("render", "--stack", "operator", "--validate", *names)
    assert code == 0
    assert "signed by anna" in out
    next(signed.iterdir()).write_text("{}", encoding="utf-8")
    code, _, err = run("render", "--stack", "operator", "--validate", *names)
    assert code == 2
    assert "error: " in err


@pytest.mark.parametrize("wrong", [("--verdicts", "x"), ("--validate", "--sign-verdicts", "x"), ("--key", "x")])
def test_arguments_that_do_not_go_together_are_misuse(wrong: tuple[str, ...], run: Run) -> None:
    """What an argument needs is said, and nothing is rendered."""
    code, out, err = run("render", "--stack", "operator", *wrong)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
