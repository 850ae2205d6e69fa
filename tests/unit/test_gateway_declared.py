"""The devices of a gateway: every fault of the file at once, and the register maps that come along."""

from pathlib import Path

import pytest

from zonewright_agent.configuration import ConfigurationError
from zonewright_gateway.credentials import CredentialError, Secret, unreadable
from zonewright_gateway.declared import from_text
from zonewright_gateway.modbus.maps import shipped_maps

GOOD = """
parallel: 50
maps:
  own-meter:
    title: A meter
    source: its manual
    function: 4
    words: low-first
    check:
      frequency: {address: 10, type: uint16, unit: Hz, scale: 0.01, least: 45, most: 65}
    values:
      - {address: 20, type: uint32, unit: kWh, scale: 0.1, part: phase-1, sentinels: [4294967294]}
devices:
  incomer-a: {protocol: modbus, address: "10.0.0.5:1502", map: eastron-sdm630, unit: 3, rating_w: 2.0e+6,
               interval_s: 60}
  incomer-b: {protocol: modbus, address: "[fd00::5]", map: own-meter, rating_w: 2000000, timeout_s: 1.5}
"""
BAD = """\
parallel: 0
credential_file: x
maps:
  own: {title: t, source: s, function: 16, words: high, values: [{address: 70000, type: u32, unit: kWh}]}
devices:
  Incomer A: {protocol: modbus, address: 10.0.0.5, map: eastron-sdm630, rating_w: 5}
  b: {protocol: modbuss, address: "10.0.0.5:99999", rating_w: 5}
  c: {protocol: modbus, address: 10.0.0.5, map: eastron-sdm631, unit: 256, ratingw: 5}
  c: {protocol: modbus, address: 10.0.0.5, map: eastron-sdm630, rating_w: .nan}
  d: 5
"""


def test_a_good_file() -> None:
    """Defaults, ports and maps of one's own."""
    declared = from_text(GOOD, "devices.yaml")
    first, second = declared.devices
    assert (first.host, first.port, first.whole("unit"), first.interval_s) == ("10.0.0.5", 1502, 3, 60.0)
    assert (second.host, second.port, second.whole("unit"), second.interval_s) == ("fd00::5", 502, 1, None)
    (energy,) = declared.maps["own-meter"].fields[1:]
    assert energy.value([12, 0], is_low_first=True) == 1_200.0
    assert energy.value([0xFFFE, 0xFFFF], is_low_first=True) is None
    assert (energy.part, energy.step(1_200.0)) == ("phase-1", 100.0)


def test_all_faults_are_told() -> None:
    """Each wrong, unknown, missing or repeated setting has one sentence with its line, in one go."""
    with pytest.raises(ConfigurationError) as caught:
        from_text(BAD, "d.yaml")
    text = "\n".join(caught.value.sentences)
    for part in (
        "d.yaml:1: parallel: expected a whole number from 1 to 1,000, got 0",
        "d.yaml:2: credential_file: unknown setting; did you mean 'credentials_file'?",
        "d.yaml:4: maps.own.check: it is missing",
        "d.yaml:4: maps.own.function: expected 3 (holding registers) or 4 (input registers); nothing else is ever sent",
        "d.yaml:4: maps.own.values.0.address: expected 0 to 65535, got 70000",
        "d.yaml:4: maps.own.values.0.type: expected one of uint16",
        "d.yaml:4: maps.own.words: expected high-first or low-first, got 'high'",
        "d.yaml:6: devices.Incomer A: expected an id such as 'incomer-a'",
        "d.yaml:7: devices.b.address: expected HOST or HOST:PORT, got '10.0.0.5:99999'",
        "d.yaml:7: devices.b.protocol: expected one of modbus",
        "d.yaml:9: devices.c stands twice; line 8 has it too; remove one of them",
        "d.yaml:9: devices.c.rating_w: expected a number from 1 to 1e+10, got nan",
        "d.yaml:10: devices.d: expected a mapping, got 5",
    ):
        assert part in text, text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "d.yaml:1: 'devices' is missing"),
        ("devices: {}", "d.yaml:1: devices: there is none"),
        ("- 1", "d.yaml:1: expected a mapping with 'devices'"),
        ("devices:\n  a: [", "d.yaml:3: not valid YAML"),
        ("devices: &a {b: *a}", "d.yaml:1: "),
        (
            "devices:\n  c: {protocol: modbus, address: h, map: eastron-sdm631, rating_w: 1}",
            "d.yaml:2: devices.c.map: there is no 'eastron-sdm631'; did you mean 'eastron-sdm630'?",
        ),
    ],
)
def test_what_is_no_list_of_devices(text: str, says: str) -> None:
    """Nothing, something else or no YAML is told in a sentence."""
    with pytest.raises(ConfigurationError) as caught:
        from_text(text, "d.yaml")
    assert caught.value.sentences[0].startswith(says), caught.value.sentences


def test_maps_that_come_along() -> None:
    """Five families; each names its public source and has a value by which exchanged words show."""
    maps = shipped_maps()
    assert sorted(maps) == ["abb-b23", "carlo-gavazzi-em24", "eastron-sdm630", "janitza-umg96", "schneider-pm5000"]
    for one in maps.values():
        assert "http" in one.source
        assert [field.quantity for field in one.fields] == ["check", "power", "energy"]
        assert all(count <= 120 for _, count in one.blocks())


PDUS = """
credentials_file: {file}
devices:
  p1: {{protocol: snmp, address: 10.0.1.1, family: apc-rpdu2, credentials: old, rating_w: 11000, parts: [outlets]}}
  p2: {{protocol: snmp, address: 10.0.1.2, family: raritan-px, credentials: new, rating_w: 11000, module: 2}}
"""


def test_credentials_of_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come from a file of its owner's alone, or by reference from a file or the environment, read when needed."""
    file = tmp_path / "credentials.yaml"
    (tmp_path / "key").write_text("a-key-of-12\n", encoding="ascii")
    new = f"{{user: gw, auth_key: ref+file://{tmp_path}/key, privacy_key: ref+env://PRIVACY}}"
    file.write_text(f"old: {{community: hidden-word}}\nnew: {new}\n", encoding="utf-8")
    file.chmod(0o600)
    first, second = from_text(PDUS.format(file=file), "d.yaml").devices
    assert first.secret is not None
    assert second.secret is not None
    assert (first.words("parts"), first.secret.get("community")) == (("outlets",), "hidden-word")
    assert "hidden" not in f"{first} {first.secret!r}"
    assert second.secret.get("auth_key") == "a-key-of-12"
    with pytest.raises(CredentialError, match=r"credentials 'new': ref\+env://PRIVACY leads to nothing"):
        second.secret.get("privacy_key")
    monkeypatch.setenv("PRIVACY", "another")
    assert second.secret.get("privacy_key") == "another"


def test_faults_of_credentials(tmp_path: Path) -> None:
    """A file that others may read, names that are missing, and fields that do not fit: all told, and no value."""
    file = tmp_path / "credentials.yaml"
    lines = (
        "old: {comunity: hidden-word}",
        "new: {user: gw, auth: hidden-word}",
        "vault: {password: ref+vault://a/b#/c}",
    )
    file.write_text("\n".join(lines), encoding="utf-8")
    file.chmod(0o640)
    text = (
        PDUS.format(file=file)
        + "  p3: {protocol: snmp, address: h, family: apc-rpdu3, credentials: newer, rating_w: 1}\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        from_text(text, "d.yaml")
    said = "\n".join(caught.value.sentences)
    for part in (
        "d.yaml:2: credentials_file: ",
        "others than its owner may read it (mode 640); chmod 600",
        "a gateway does not ask Vault",
        "d.yaml:4: devices.p1.credentials: credentials 'old' have a field that is not known; did you mean 'community'?",
        "d.yaml:5: devices.p2.credentials: credentials 'new': auth is one of md5, sha, sha256, sha512",
        "d.yaml:6: devices.p3.credentials: there is no 'newer'; did you mean 'new'?",
        "d.yaml:6: devices.p3.family: there is no 'apc-rpdu3'; did you mean 'apc-rpdu",
    ):
        assert part in said, said
    assert "hidden" not in said
    with pytest.raises(ConfigurationError, match=r"credentials_file: .*no such file"):
        from_text(PDUS.format(file=tmp_path / "none"), "d.yaml")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ("auth_key: hidden", "auth_key has 8 letters or more"),
        ("auth_key: hidden-word, privacy_key: hidden", "privacy_key has 8 letters or more"),
        ("privacy_key: hidden-word", "privacy_key needs an auth_key"),
    ],
)
def test_keys_that_snmp_does_not_take(fields: str, says: str, tmp_path: Path) -> None:
    """Keys are refused before a PDU is asked; so are parts of one PDU of several that its family cannot tell."""
    file = tmp_path / "c.yaml"
    file.write_text(f"old: {{community: x}}\nnew: {{user: gw, {fields}}}", encoding="utf-8")
    file.chmod(0o600)
    common = "protocol: snmp, address: h, family: apc-rpdu2, credentials: old, rating_w: 1"
    parts = f"  p3: {{{common}, module: 2, parts: [outlets]}}"
    with pytest.raises(ConfigurationError) as caught:
        from_text(PDUS.format(file=file) + parts, "d.yaml")
    first, second = caught.value.sentences
    assert says in first
    assert "hidden" not in first
    assert "d.yaml:6: devices.p3.parts: outlets: this family does not tell those of module 2" in second


@pytest.mark.parametrize(
    "text",
    [
        "old: {community: !hidden-word}",
        "old: {community: *hidden-word}",
        "old: {community:hidden-word}",
        "old: {community: a, community: hidden-word}",
        "old: {community: ref+file:hidden-word}",
        "old: [hidden-word]",
        "- hidden-word",
        "? [hidden-word]\n: x",
        'old: {community: "hidden-word\\n"}',
    ],
)
def test_no_fault_tells_a_value(text: str, tmp_path: Path) -> None:
    """Whatever is mistyped in the file of credentials, the sentences have its line, and nothing of the value."""
    file = tmp_path / "credentials.yaml"
    file.write_text("# names\n" + text, encoding="utf-8")
    file.chmod(0o600)
    devices = "  p1: {protocol: snmp, address: h, family: apc-rpdu, credentials: old, rating_w: 1}\n"
    inline = "  p2: {protocol: nut, address: h, name: u, credentials: {password: hidden-word}, rating_w: 1}\n"
    with pytest.raises(ConfigurationError) as caught:
        from_text(f"credentials_file: credentials.yaml\ndevices:\n{devices}{inline}", str(tmp_path / "d.yaml"))
    said = "\n".join(caught.value.sentences)
    assert "hidden" not in said
    assert f"{file}:" in said
    assert "d.yaml:4: devices.p2.credentials: expected the name of credentials" in said


def test_references_are_followed_when_they_are_checked(tmp_path: Path) -> None:
    """A reference that leads nowhere is told before the gateway runs."""
    nowhere = Secret("old", {"community": f"ref+file://{tmp_path}/none"})
    assert unreadable([nowhere, Secret("new", {"community": "x"})]) == [
        f"credentials 'old': ref+file://{tmp_path}/none leads to nothing that can be read"
    ]


TWICE = """\
maps:
  odd: {title: t, source: s, function: 4.0, words: low-first, gap: 0,
        check: {voltage: {address: 0, type: uint16, unit: [V], least: 2, most: 1}},
        values: [{address: 1, type: [int32], unit: {W: 1}}, {address: 65534, type: int64, unit: W, part: l1},
                 {address: 2, type: int16, unit: kW, part: L 1}, {address: 3, type: int16, unit: W},
                 {address: 4, type: int16, unit: kW}]}
  own: {title: t, source: s, function: 4, words: low-first,
        check: {voltage: {address: 0, type: uint16, unit: V, least: 1, most: 2}},
        values: [{address: 1, type: int32, unit: W, part: l1}]}
devices:
  a: {protocol: modbus, address: h, map: own, rating_w: 5}
  b: {protocol: modbus, address: "h:502", map: own, unit: 1, rating_w: 6}
  a-l1: {protocol: modbus, address: h, map: own, unit: 2, rating_w: 5}
  host: {protocol: modbus, address: h, map: own, unit: 3, rating_w: 5}
  c: {protocol: modbus, address: h, map: odd, unit: 4, rating_w: 5}
"""


def test_what_stands_twice_or_cannot_be_a_map() -> None:
    """One meter with two ids, one id for two things, and a map of the wrong kinds are told, once each."""
    with pytest.raises(ConfigurationError) as caught:
        from_text(TWICE, "d.yaml")
    said = "\n".join(caught.value.sentences)
    for part in (
        "d.yaml:2: maps.odd.function: expected 3 (holding registers) or 4",
        "d.yaml:3: maps.odd.check.voltage.unit: ",
        "d.yaml:3: maps.odd.check.voltage.most: expected a number above 'least' (2), got 1",
        "d.yaml:4: maps.odd.values.0.type: expected one of",
        "d.yaml:4: maps.odd.values.0.unit: expected one of",
        "d.yaml:4: maps.odd.values.1.address: its last word is beyond 65535",
        "d.yaml:5: maps.odd.values.2.part: expected a name such as 'l1', got 'L 1'",
        "d.yaml:6: maps.odd.values.4: power stands twice; value 3 has it too",
        "d.yaml:12: devices.b: it is the same meter as 'a'",
        "d.yaml:13: devices.a-l1: a part of 'a' is reported by this id",
        "d.yaml:14: devices.host: the gateway reports its own host by this id",
    ):
        assert part in said, said
    assert "devices.c" not in said
