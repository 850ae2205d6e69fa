"""A bad road between an agent and the service, three days without one, and a clock that is two days off."""

import time
from contextlib import closing
from pathlib import Path

import pytest

from support.fault_proxy import FaultProxy
from support.fleet_world import agents_service
from support.soak import is_full, rounds, seeded
from support.stepped_host import Host
from zonewright.server.agents import issue_token
from zonewright.telemetry.samples import Samples

DAY_S = 86_400
FAULTS = ("none", "slow", "reset", "black hole", "twice", "away")


def spoil(proxy: FaultProxy, fault: str, at: int) -> None:
    """Have the road be like this from the next connection on.

    Args:
        proxy: the road.
        fault: what is wrong with it.
        at: after how many bytes.
    """
    proxy.reset_after = at if fault == "reset" else None
    proxy.freeze_after = at % 2 * at if fault == "black hole" else None
    proxy.one_way_s = 0.02 if fault == "slow" else 0.0
    proxy.is_twice = fault == "twice"
    proxy.is_silent = fault == "away"


@pytest.mark.soak
def test_nothing_is_lost_or_twice_on_a_bad_road(tmp_path: Path) -> None:
    """Each joule that the counter delivered is stored once; only what a clock ahead dated is aside, with its reason.

    The road is slow, breaks, goes silent or says everything twice; then there is none for three days, and the clock is
    two days ahead and two days behind for a while.
    """
    chance, energy_uj, aside_uj, readings = seeded("bad road"), 0, 0, 0
    (tmp_path / "token").write_text(issue_token(tmp_path / "agents.yaml", "host-1", "core-001"), encoding="ascii")
    with agents_service(tmp_path) as url, FaultProxy(("127.0.0.1", int(url.split(":")[2].split("/")[0]))) as proxy:
        begin_s = float(int(time.time()) - 4 * DAY_S)
        host = Host(tmp_path, proxy.address[1], wall_s=begin_s, timeout_s=0.3, spool_max_bytes=10**9)

        def pass_by(after_s: float, step_s: float = 0.0) -> int:
            """Time passes with up to 400 W; gives the energy."""
            nonlocal energy_uj, readings
            step_uj = round(chance.uniform(0, 400) * after_s * 1e6)
            energy_uj, readings = energy_uj + step_uj, readings + 1
            host.keep(energy_uj, after_s=after_s, step_s=step_s, range_uj=None)
            return step_uj

        host.keep(0, range_uj=None)
        readings += 1
        for number in rounds("bad road", 1_000, least=len(FAULTS)):
            fault = FAULTS[number] if number < len(FAULTS) else chance.choice(FAULTS)
            spoil(proxy, fault, chance.randrange(1, 1_500))
            for _ in range(chance.randrange(1, 5)):
                pass_by(chance.choice((10, 10, 25)))
            if host.sender.drain():
                assert fault != "away"
        for _ in range(72 if not is_full() else 72 * 60):  # nobody hears anything for three days
            pass_by(3_600 if not is_full() else 60)
        spoil(proxy, "none", 0)
        host.wall_s = time.time() - 2 * DAY_S - 600
        pass_by(10)
        for ahead in (True, False):
            days = 4 if ahead else -2
            steps = [pass_by(10, days * DAY_S), pass_by(10), pass_by(10)]
            aside_uj += sum(steps) if ahead else 0
            pass_by(10, -days * DAY_S)
        for _ in range(3):
            pass_by(10)
        assert host.sender.drain()
        assert proxy.connections > len(FAULTS)
        kept = range(host.agent.spool.next_sequence - readings, host.agent.spool.next_sequence)
    with closing(Samples(tmp_path / "samples.db")) as samples:
        assert (samples.batches("host-1"), samples.dropped("host-1")) == (list(kept), 0)
        assert samples.energy("host-1")["package-0"].energy_uj == energy_uj - aside_uj
        found = [(name, reason) for name, reason in samples.quarantined("host-1") if name == "hw.energy"]
        assert found == [("hw.energy", "its time is in the future")] * 3
        times = [one.time_ns for one in samples.samples("host-1") if one.name == "hw.energy"]
        assert len(times) == len(set(times)) == readings - 1 - 3
    assert len(host.agent.spool) == 0
