"""What the agent makes of the trees of real hosts: meters in other places, rails, platforms that count nothing."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from zonewright_agent.configuration import ConfigurationError, load, surroundings
from zonewright_agent.points import Moment, Point
from zonewright_agent.sources.amdgpu import Amdgpu
from zonewright_agent.sources.hwmon import Hwmon, is_whole
from zonewright_agent.sources.rapl import Rapl

RANGE_UJ = 262_143_328_850
Tree = Mapping[str, str | int]


def write(root: Path, tree: Tree) -> None:
    """Files of sysfs by path; one that says ``-> PATH`` is a link, as most folders of a class are."""
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("-> "):
            path.symlink_to(content[3:])
        else:
            path.write_text(f"{content}\n", encoding="utf-8")


def moment(seconds: float, boot: str = "a") -> Moment:
    """A moment so many seconds after the begin."""
    return Moment(round(seconds * 1e9), seconds, boot)


ACPI = "devices/LNXSYSTM:00/LNXSYBUS:00/ACPI000D:00"
METERS: dict[str, tuple[Tree, float | str]] = {
    "an ACPI meter keeps its files in device/": (
        {
            f"{ACPI}/name": "power_meter",
            f"{ACPI}/power1_average": 187_000_000,
            f"{ACPI}/power1_average_interval": 1_000,
            f"{ACPI}/power1_accuracy": "95.0%",
            f"{ACPI}/power1_is_battery": 0,
            f"{ACPI}/hwmon/hwmon1/device": "-> ../..",
            "class/hwmon/hwmon1": f"-> ../../{ACPI}/hwmon/hwmon1",
        },
        187.0,
    ),
    "rails and a module of a superchip": (
        {
            f"class/hwmon/hwmon{at}/{name}": value
            for at, (said, watts) in enumerate(
                [("SysIO Power", 14), ("CPU Power", 96), ("Grace Power", 131), ("Module Power", 402)]
            )
            for name, value in (
                ("name", "power_meter"),
                ("power1_average", watts * 1_000_000),
                ("power1_oem_info", f"{said} Socket 0"),
            )
        },
        "measure parts of the host: 'SysIO Power Socket 0', 'CPU Power Socket 0', 'Grace Power Socket 0'",
    ),
    "a node manager with a meter of the total beside one of the processors": (
        {
            "class/hwmon/hwmon0/name": "power_meter",
            "class/hwmon/hwmon0/device/power1_average": 96_000_000,
            "class/hwmon/hwmon0/device/power1_oem_info": "Meter measures CPU domain",
            "class/hwmon/hwmon1/name": "power_meter",
            "class/hwmon/hwmon1/device/power1_average": 240_000_000,
            "class/hwmon/hwmon1/device/power1_oem_info": "Meter measures total domain",
        },
        240.0,
    ),
    "sensors of a POWER machine, by label": (
        {
            "class/hwmon/hwmon0/name": "ibmpowernv",
            "class/hwmon/hwmon0/power1_input": 35_000_000,
            "class/hwmon/hwmon0/power1_label": "Fan",
            "class/hwmon/hwmon0/power2_input": 611_000_000,
            "class/hwmon/hwmon0/power2_label": "System",
            "class/hwmon/hwmon0/power3_input": 190_000_000,
            "class/hwmon/hwmon0/power3_label": "Chip 0 ",
        },
        611.0,
    ),
    "a mean that cannot be read beside a present value": (
        {
            "class/hwmon/hwmon0/name": "power_meter",
            "class/hwmon/hwmon0/power1_average": "",
            "class/hwmon/hwmon0/power1_input": 230_000_000,
        },
        230.0,
    ),
    "a meter of the battery is none of the host": (
        {
            "class/hwmon/hwmon0/name": "power_meter",
            "class/hwmon/hwmon0/power1_average": 21_000_000,
            "class/hwmon/hwmon0/power1_is_battery": 1,
        },
        "no power meter",
    ),
    "chips of the board and of an accelerator": (
        {
            "class/hwmon/hwmon0/name": "nct6779",
            "class/hwmon/hwmon0/power1_average": 0,
            "class/hwmon/hwmon1/name": "amdgpu",
            "class/hwmon/hwmon1/power1_average": 41_000_000,
            "class/hwmon/hwmon2/name": "ina226",
            "class/hwmon/hwmon2/power1_input": 3_000_000,
        },
        "no power meter",
    ),
    "two meters of which neither says what it measures": (
        {
            f"class/hwmon/hwmon{at}/{name}": value
            for at in range(2)
            for name, value in (("name", "power_meter"), ("power1_average", 180_000_000 + at))
        },
        "several power meters have a reading",
    ),
    "two of which one has no reading": (
        {
            "class/hwmon/hwmon0/name": "power_meter",
            "class/hwmon/hwmon0/power1_average": 0,
            "class/hwmon/hwmon1/name": "power_meter",
            "class/hwmon/hwmon1/power1_average": 180_000_000,
        },
        180.0,
    ),
}


@pytest.mark.parametrize("name", METERS)
def test_what_measures_the_host(name: str, tmp_path: Path) -> None:
    """Only what is the whole host is reported as such, wherever its files are; a part of it never is."""
    tree, expected = METERS[name]
    write(tmp_path, tree)
    source = Hwmon(tmp_path, 2000)
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=expected):
            source.read(moment(0))
    else:
        (point,) = source.read(moment(0))
        assert (point.name, point.value, point.quality) == ("hw.host.power", expected, "good")


def test_which_labels_mean_the_host() -> None:
    """All words of a label must say so."""
    assert [
        one
        for one in ("System", "Total Power", "system power input", "Meter measures total domain")
        if not is_whole(one)
    ] == []
    parts = (
        "",
        "SysIO Power Socket 0",
        "Total GPU Power",
        "Power",
        "System Agent",
        "Chassis",
        "Fan",
        "Module Power Socket 0",
    )
    assert [one for one in parts if is_whole(one)] == []


def test_a_meter_that_counts_energy_is_believed_before_its_power(tmp_path: Path) -> None:
    """Energy comes from the counter, through gaps of any length; where it cannot be read nothing takes its place."""
    folder = "class/hwmon/hwmon0"
    said = {"name": "ibmpowernv", "power1_label": "System", "energy1_label": "System", "power1_input": "500000000"}
    write(tmp_path, {f"{folder}/{name}": value for name, value in said.items()})
    source = Hwmon(tmp_path, 2000)
    found = []
    for at_s, energy_uj in ((0, "1000000"), (10, "5001000000"), (20, ""), (300, "105001000000"), (310, "7")):
        write(tmp_path, {f"{folder}/energy1_input": energy_uj})
        found += [(one.value, one.quality) for one in source.read(moment(at_s)) if one.name == "hw.host.energy"]
    assert found == [(5000.0, "good"), (None, "unreadable"), (100_000.0, "good"), (None, "unknown")]
    write(tmp_path, {f"{folder}/energy1_label": "Chip 0"})
    source = Hwmon(tmp_path, 2000)
    source.read(moment(400))
    assert [one.value for one in source.read(moment(410))] == [500.0, 5000.0], "the counter of a chip is not the host's"


def test_a_part_is_not_the_host_while_another_one_has_no_reading(tmp_path: Path) -> None:
    """Of two meters that do not say what they measure, neither becomes the host when the other one fails."""
    for number in range(2):
        write(tmp_path, {f"class/hwmon/hwmon{number}/name": "power_meter"})
    source = Hwmon(tmp_path, 2000)
    for at_s, watts in enumerate([300, 65_535, 300]):
        write(
            tmp_path,
            {
                "class/hwmon/hwmon0/power1_average": watts * 1_000_000,
                "class/hwmon/hwmon1/power1_average": 50_000_000,
            },
        )
        with pytest.raises(ValueError, match="several power meters have a reading"):
            source.read(moment(10 * at_s))


def zones(**values: int | str) -> dict[str, str | int]:
    """Zones of powercap by folder: ``intel-rapl:0`` as ``z0``, with ``_`` for each further colon; name and energy."""
    found: dict[str, str | int] = {}
    for key, value in values.items():
        said, _, energy = str(value).partition(" ")
        folder = f"class/powercap/{'intel-rapl' if key[0] == 'z' else 'intel-rapl-mmio'}:{key[1:].replace('_', ':')}"
        found |= {f"{folder}/name": said, f"{folder}/energy_uj": energy, f"{folder}/max_energy_range_uj": RANGE_UJ}
    return found


def joules(points: list[Point]) -> dict[str, float | None]:
    """Joules by zone."""
    return {point.attributes["hw.id"]: point.value for point in points}


def test_a_platform_that_counts_nothing_is_none(tmp_path: Path) -> None:
    """A psys at 0, or one that counts less than its packages, gives way to them until it counted enough three times."""
    write(tmp_path, zones(z0="package-0 202237614", z1="psys 0", z2="package-1 221531943"))
    source = Rapl(tmp_path, 500)
    source.read(moment(0))
    write(tmp_path, zones(z0="package-0 302237614", z2="package-1 271531943"))
    parts = {"package-0": 100.0, "package-1": 50.0}
    assert joules(source.read(moment(1))) == parts
    shown = {
        2: ("402237614", "90000000", "321531943", parts),  # 90 J of 150
        3: ("502237614", "290000000", "371531943", parts),
        4: ("502237614", "490000000", "371531943", {"package-0": 0.0, "package-1": 0.0}),  # that proves nothing
        5: ("602237614", "690000000", "421531943", parts),
        6: ("702237614", "890000000", "471531943", {"psys": 200.0}),
        7: ("802237614", "930000000", "521531943", parts),  # 40 J of 150, once
        8: ("902237614", "1240000000", "571531943", parts),
        9: ("1002237614", "1440000000", "621531943", parts),
        10: ("1102237614", "1640000000", "671531943", {"psys": 200.0}),
    }
    for at, (first, psys, second, expected) in shown.items():
        write(tmp_path, zones(z0=f"package-0 {first}", z1=f"psys {psys}", z2=f"package-1 {second}"))
        assert joules(source.read(moment(at))) == expected, at
    write(tmp_path, zones(z0="package-0 1202237614", z1="psys 1650000000"))
    assert joules(source.read(moment(11))) == {"package-0": 100.0, "package-1": 0.0}
    source.read(moment(12, "b"))
    write(tmp_path, zones(z0="package-0 1302237614", z1="psys 1850000000"))
    assert joules(source.read(moment(13, "b"))) == {"psys": 200.0}


def test_a_platform_of_each_socket(tmp_path: Path) -> None:
    """Two that count by themselves are two parts, under one name or two; two views of one count once."""
    for at, (one, two) in enumerate([(5_000, 900_000_000), (100_005_000, 980_000_000)]):
        write(tmp_path, zones(z0=f"package-0 {at}", z1=f"psys {one}", z2=f"package-1 {at}", z3=f"psys {two}"))
        if at == 0:
            source = Rapl(tmp_path, 500)
        points = source.read(moment(at))
    assert joules(points) == {"psys": 100.0, "psys-1": 80.0}
    twins = Rapl(tmp_path, 500)
    for at in range(10, 15):
        write(tmp_path, zones(z1=f"psys {at}0000000", z3=f"psys-1 {at}0000000"))
        points = twins.read(moment(at))
    assert joules(points) == {"psys": 10.0}


def test_dies_that_show_one_counter_count_once(tmp_path: Path) -> None:
    """AMD's dies may mirror one counter: until that is sure the second one is unknown, then it is left out."""
    source = Rapl(tmp_path, 500)
    found = []
    for at in range(5):
        write(tmp_path, zones(z0=f"package-0-die-0 {at}8000000", z1=f"package-0-die-1 {at}8000000"))
        found.append(joules(source.read(moment(at))))
    sure, other = {"package-0-die-0": 10.0}, "package-0-die-1"
    assert found == [{}, {**sure, other: None}, sure, sure, sure]
    write(tmp_path, zones(z0="package-0-die-0 58000000", z1="package-0-die-1 91000000"))
    source.read(moment(5))
    write(tmp_path, zones(z0="package-0-die-0 68000000", z1="package-0-die-1 95000000"))
    assert joules(source.read(moment(6))) == {**sure, other: 4.0}


def test_a_zone_draws_no_more_than_its_processor_allows(tmp_path: Path) -> None:
    """The limit of a zone, where it is enforced, judges its counter: 65.5 kJ last 60 s at 150 W of a 2 kW host."""
    folder = "class/powercap/intel-rapl:0"
    write(tmp_path, {**zones(z0="package-0 0"), f"{folder}/max_energy_range_uj": 65_532_610_987})
    write(
        tmp_path,
        {f"{folder}/constraint_0_power_limit_uw": 125_000_000, f"{folder}/constraint_1_power_limit_uw": 150_000_000},
    )
    results = []
    for enabled in (0, 1):
        write(tmp_path, {f"{folder}/enabled": enabled, f"{folder}/energy_uj": 0})
        source = Rapl(tmp_path, 2000)
        source.read(moment(0))
        write(tmp_path, {f"{folder}/energy_uj": 6_000_000_000})
        (point,) = source.read(moment(60))
        results.append((point.value, point.quality))
    assert results == [(None, "ambiguous"), (6000.0, "good")]


@pytest.mark.parametrize(
    ("interval_s", "power_max_w", "told"), [(60, 2000, "32 s at 2000 W"), (30, 2000, ""), (60, 900, "")]
)
def test_settings_that_never_give_energy_are_told(interval_s: int, power_max_w: int, told: str, tmp_path: Path) -> None:
    """``--check-config`` names the counter and the largest interval that works."""
    write(
        tmp_path,
        {**zones(z0="package-0 1", z1="psys 0"), "class/powercap/intel-rapl:0/max_energy_range_uj": 65_532_610_987},
    )
    (tmp_path / "token").write_text("t", encoding="ascii")
    (tmp_path / "token").chmod(0o600)
    settings = tmp_path / "agent.toml"
    lines = {"agent": "host-1", "url": "http://127.0.0.1:1/v1/metrics", "token_file": str(tmp_path / "token")}
    text = "".join(
        f'{name} = "{value}"\n' for name, value in {**lines, "spool": str(tmp_path), "sys": str(tmp_path)}.items()
    )
    settings.write_text(f"{text}interval_s = {interval_s}\npower_max_w = {power_max_w}\n", encoding="ascii")
    if not told:
        surroundings(load(settings), str(settings))
        return
    with pytest.raises(ConfigurationError) as error:
        surroundings(load(settings), str(settings))
    sentence = (
        f"{settings}:6: interval_s: at 60 s the counter of package-0 (65.5 kJ) may wrap more than once, so it never "
        f"gives energy; expected at most {told}, or the true power_max_w of the host"
    )
    assert error.value.sentences == [sentence]


def test_accelerators_of_amd_are_parts(tmp_path: Path) -> None:
    """Each has its power by its address on the bus, older and newer drivers alike; energy is between two readings."""
    source = Amdgpu(tmp_path, 2000)
    with pytest.raises(ValueError, match="no accelerator of AMD"):
        source.read(moment(0))
    for at, (address, name) in enumerate([("0000:03:00.0", "power1_average"), ("0000:83:00.0", "power1_input")]):
        write(
            tmp_path,
            {
                f"devices/{address}/hwmon/hwmon{at}/name": "amdgpu",
                f"devices/{address}/hwmon/hwmon{at}/{name}": (300 + at) * 1_000_000,
                f"devices/{address}/hwmon/hwmon{at}/power1_label": "PPT",
                f"devices/{address}/hwmon/hwmon{at}/device": "-> ../..",
                f"class/hwmon/hwmon{at}": f"-> ../../devices/{address}/hwmon/hwmon{at}",
            },
        )
    source.read(moment(0))
    write(tmp_path, {"devices/0000:83:00.0/hwmon/hwmon1/power1_input": ""})  # asleep
    found = {(one.name, one.attributes["hw.id"]): (one.value, one.quality) for one in source.read(moment(10))}
    assert found == {
        ("hw.power", "gpu/0000:03:00.0"): (300.0, "good"),
        ("hw.energy", "gpu/0000:03:00.0"): (3000.0, "good"),
        ("hw.power", "gpu/0000:83:00.0"): (None, "unknown"),
        ("hw.energy", "gpu/0000:83:00.0"): (None, "unknown"),
    }
    with pytest.raises(ValueError, match="no power meter"):  # an accelerator is never the host
        Hwmon(tmp_path, 2000).read(moment(0))
