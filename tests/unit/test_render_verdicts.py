"""Verdicts: from programs, the cache, or whoever signed them; what is not a pass opens nothing."""

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from support.reference_nodes import reference_contexts, zone_files
from support.signing import key_of
from zonewright.changes.gating import VERDICTS, judge_gated, read_signed
from zonewright.model import Zone
from zonewright.render.formats import FORMATS
from zonewright.render.formats.format import root_of
from zonewright.render.formats.format_set import BUILT_IN
from zonewright.render.formats.frr import FRR
from zonewright.render.validators import native, verdict_cache
from zonewright.render.validators.attested import signed_verdicts, statements
from zonewright.render.validators.gate import gate
from zonewright.render.validators.validate import validate_all
from zonewright.render.validators.verdict import Judged, ValidatorVerdict, content_digest
from zonewright.render.validators.verdict_cache import VerdictCache, verdict_folder
from zonewright.seal.dsse import sign
from zonewright.seal.errors import SealError

Program = Callable[[str], Path]


@cache
def files() -> dict[str, str]:
    """The router's of an edge site."""
    return {path: text for path, text in zone_files().items() if path.startswith("sites/wj-edge-lili/etc/frr/")}


@pytest.fixture(name="vtysh")
def _vtysh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Stands in for vtysh with a script; how often it is run is counted outside, where it cannot write."""
    count, run = tmp_path / "count", native._run

    def counted(*given: Any) -> Any:
        with count.open("a", encoding="ascii") as file:
            file.write("\n")
        return run(*given)

    monkeypatch.setattr(native, "_run", counted)

    def make(script: str) -> Path:
        program = tmp_path / "bin" / "vtysh"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o700)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        monkeypatch.setattr(native, "_version", lambda _package: "1.0")
        return count

    return make


def runs(count: Path) -> int:
    """How often the program was run."""
    return len(count.read_text(encoding="utf-8").splitlines()) if count.exists() else 0


def test_a_program_that_hangs_is_not_a_pass(vtysh: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended with all that it started, its verdict is not-run, and nothing is kept of it."""
    count = vtysh("sleep 1000 & sleep 1000")
    monkeypatch.setattr(native, "LIMIT_S", 0.5)
    (one,) = validate_all(files())
    assert (one.verdict.status, one.verdict.detail) == ("not-run", "vtysh ran longer than 0.5 s")
    assert runs(count) == 1


def test_a_verdict_says_what_was_run_on_which_bytes(vtysh: Program) -> None:
    """Program, version, arguments, output and the digest of exactly these files."""
    vtysh("echo fine")
    (one,) = validate_all(files())
    verdict = one.verdict
    assert (verdict.status, verdict.version, verdict.detail) == ("pass", "1.0", "fine")
    assert verdict.program.endswith("/bin/vtysh")
    assert verdict.arguments == (("-C", "-f", "{root}/etc/frr/frr.conf"),)
    below = {path.removeprefix(f"{one.root}/"): text for path, text in files().items()}
    assert one.digest == content_digest("frr", below)
    assert content_digest("frr", {**below, "x": ""}) != one.digest != content_digest("bind", below)


@pytest.mark.parametrize(("script", "status", "kept"), [("exit 0", "pass", True), ("exit 1", "fail", True)])
def test_a_verdict_is_given_once(script: str, status: str, kept: bool, vtysh: Program, tmp_path: Path) -> None:  # noqa: FBT001
    """The same bytes and version are looked up; another byte or version is run; what is broken is run again."""
    count, cache = vtysh(script), VerdictCache(tmp_path / "cache")
    assert [validate_all(files(), cache=cache)[0].verdict.status for _ in range(3)] == [status] * 3
    assert (runs(count) == 1) is kept
    validate_all({path: f"{text}!\n" for path, text in files().items()}, cache=cache)
    assert runs(count) == 2
    for path in (tmp_path / "cache").rglob("*.json"):
        path.write_text("{", encoding="utf-8")
    validate_all(files(), cache=cache)
    assert runs(count) == 3


def test_another_version_is_asked_again(vtysh: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version of the program has its own verdict; without a version nothing is looked up or kept."""
    count, cache = vtysh("exit 0"), VerdictCache(tmp_path / "cache")
    validate_all(files(), cache=cache)
    monkeypatch.setattr(native, "_version", lambda _package: "2.0")
    validate_all(files(), cache=cache)
    assert runs(count) == 2
    monkeypatch.setattr(native, "_version", lambda _package: "")
    validate_all(files(), cache=cache)
    validate_all(files(), cache=cache)
    assert runs(count) == 4


def test_what_another_judgement_said_is_not_looked_up(
    vtysh: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file without text was a pass once; what was kept then does not count now."""
    vtysh("exit 0")
    cache, check, empty = VerdictCache(tmp_path / "cache"), FRR.check, dict.fromkeys(files(), "\n")
    assert check is not None
    (judged,) = validate_all(empty)
    with monkeypatch.context() as then:
        then.setattr(verdict_cache, "_LAYOUT", 1)
        identity = native.NativeValidator(check).identity()
        cache.put(judged.digest, check, identity, ValidatorVerdict(status="pass", program="vtysh"))
    assert (judged.verdict.status, validate_all(empty, cache=cache)[0].verdict.status) == ("fail", "fail")


def test_what_crashed_is_not_kept(vtysh: Program, tmp_path: Path) -> None:
    """A crash is not-run, and the next run asks again."""
    count, cache = vtysh("kill -9 $$"), VerdictCache(tmp_path / "cache")
    assert [validate_all(files(), cache=cache)[0].verdict.status for _ in range(2)] == ["not-run"] * 2
    assert runs(count) == 2


def test_the_cache_is_the_users_and_not_the_repositorys(tmp_path: Path) -> None:
    """It lies where ZONEWRIGHT_CACHE says, else where the user's caches are."""
    assert verdict_folder({"ZONEWRIGHT_CACHE": str(tmp_path)}) == tmp_path / "verdicts"
    assert verdict_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/zonewright/verdicts")
    assert verdict_folder({"XDG_CACHE_HOME": "c", "HOME": "/h"}) == Path("/h/.cache/zonewright/verdicts")


def judged(status: str, *, format_id: str = "frr") -> Judged:
    """A verdict on the files of a site."""
    verdict = ValidatorVerdict(status=status, program="p", detail="said")  # type: ignore[arg-type]
    return Judged(format=format_id, root="sites/wj-edge-lili", paths=tuple(files()), digest="sha256:1", verdict=verdict)


@pytest.mark.parametrize(
    ("statuses", "opens"),
    [
        (["pass"], True),
        (["fail"], False),
        (["not-run"], False),
        ([], False),
        (["pass", "fail"], False),
    ],
)
def test_a_gated_format_opens_on_a_pass_only(statuses: list[str], opens: bool) -> None:  # noqa: FBT001
    """Failed, not run, crashed or absent: each is a refusal that names the files."""
    verdicts = [judged(one) for one in statuses]
    found = gate(verdicts, {"frr"}, files())
    assert (not found) is opens
    assert all(one.refuses and "sites/wj-edge-lili" in one.subject for one in found)
    assert gate(verdicts, set(), files()) == ()


def test_a_gate_on_a_format_that_there_is_not_refuses() -> None:
    """A misspelt policy does not open everything."""
    (found,) = gate([judged("pass")], {"fr"}, files())
    assert "does not exist" in found.message


def zone(**more: object) -> Zone:
    """A zone that gates FRR, and takes the verdicts of anna."""
    pack = {"title": "x", "valid_from": "2026-01-01", "valid_until": "2030-12-31", "gated_formats": ["frr"]}
    anna = {"title": "Anna", "party": "a", "keys": [key_of("anna").public]}
    document = {
        "zone": "z",
        "title": "z",
        "districts": {},
        "parties": {"a": {"title": "A", "roles": ["auditor"]}},
        "rule_packs": {"p": pack},
        "rule_pack": "p",
        "signers": {"anna": anna},
        "verdict_signers": ["anna"],
        **more,
    }
    return Zone.model_validate(document)


def envelopes(signer: str) -> list[str]:
    """What a machine with the program signs of our files."""
    return [sign(text, key_of(signer)).text() for text in statements(validate_all(files()))]


def test_a_signed_verdict_opens_where_the_program_is_missing(
    vtysh: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another machine validated and signed opens the gate here, for exactly these bytes."""
    monkeypatch.setenv("ZONEWRIGHT_CACHE", str(tmp_path / "cache"))
    vtysh("exit 0")
    texts = envelopes("anna")
    monkeypatch.setenv("PATH", "/nowhere")
    (absent,) = judge_gated(files(), BUILT_IN, zone(), tmp_path)
    assert "was not run" in absent.message
    folder = tmp_path / VERDICTS
    folder.mkdir(parents=True)
    (folder / "one.json").write_text(texts[0] + "\n", encoding="utf-8")
    assert judge_gated(files(), BUILT_IN, zone(), tmp_path) == ()
    other = {path: f"{text}!\n" for path, text in files().items()}
    assert len(judge_gated(other, BUILT_IN, zone(), tmp_path)) == 1
    (item,) = validate_all(files(), signed=read_signed(folder.glob("*.json"), zone()))
    assert (item.verdict.status, item.verdict.signer) == ("pass", "anna")


def test_a_signed_failure_goes_before_a_pass(vtysh: Program) -> None:
    """Where one machine failed the bytes, no other one's pass opens them, in whatever order they are read."""
    vtysh("exit 1")
    bad = envelopes("anna")
    vtysh("exit 0")
    good = envelopes("anna")
    keys = zone().verdict_keys
    for order in ([*bad, *good], [*good, *bad]):
        (item,) = validate_all(files(), signed=signed_verdicts(order, keys))
        assert item.verdict.status == "fail"


def test_what_was_not_run_is_not_signed(vtysh: Program) -> None:
    """There is no signature on nothing."""
    vtysh("kill -9 $$")
    assert envelopes("anna") == []


@pytest.mark.parametrize("change", ["another signer", "a byte", "no longer named", "another type"])
def test_verdicts_that_do_not_count_are_refused(change: str, vtysh: Program, tmp_path: Path) -> None:
    """A key that is not named, a changed byte and another kind of statement are refused with the file's name."""
    vtysh("exit 0")
    text = envelopes("ben" if change == "another signer" else "anna")[0]
    if change == "a byte":
        text = text.replace('"sig":"', '"sig":"A', 1)
    if change == "another type":
        text = sign('{"_type":"x"}', key_of("anna")).text()
    path = tmp_path / "v.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SealError, match=r"v\.json: "):
        read_signed([path], zone(verdict_signers=[] if change == "no longer named" else ["anna"]))


def test_every_format_says_how_it_is_judged() -> None:
    """A format without a program is one for people; each other one names package and calls."""
    assert [one.id for one in FORMATS if one.check is None] == ["grafana", "rack-labels", "outlet-labels"]
    for one in FORMATS:
        if one.check is not None:
            assert one.check.package
            assert any("{root}" in word for call in one.check.commands for word in call)


def test_each_file_belongs_to_one_format() -> None:
    """No path of the whole zone is claimed by two formats, and none by none."""
    roots = {root_of(one) for one in reference_contexts()[::97]}
    for path in zone_files():
        if path.startswith("sites/") or "/".join(path.split("/")[:3]) in roots:
            assert sum(one.owns(path) for one in FORMATS) == 1, path


def test_verdicts_are_an_in_toto_statement(vtysh: Program) -> None:
    """Subjects are digests, the predicate says program, version, arguments and output."""
    vtysh("echo fine")
    (text,) = statements(validate_all(files()))
    data = json.loads(text)
    assert data["predicateType"] == "urn:zonewright:validator-verdicts:v1"
    assert data["subject"][0]["name"] == "sites/wj-edge-lili/frr"
    assert data["predicate"]["output"] == "fine"
    assert FRR.check is not None
    assert data["predicate"]["arguments"] == [list(call) for call in FRR.check.commands]
