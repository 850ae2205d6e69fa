"""PDUs behind a real SNMP agent, by version 2c and 3: what is delivered of each family, and what is told."""

import asyncio

import pytest

from support.pdus import EATON, SEEN, V2, V3, asked, twice
from support.snmp_agent import Objects, pdu
from zonewright_gateway.credentials import Secret
from zonewright_gateway.polling import Poller
from zonewright_gateway.snmp.families import families


@pytest.mark.parametrize("family", sorted(SEEN))
def test_a_family_of_pdus(family: str) -> None:
    """The whole, phases, breakers and outlets of each family, with their scales; an outlet without a value is none."""
    values, expected = SEEN[family]
    secret = V3 if family == "raritan-px" else V2

    async def work() -> None:
        objects = Objects(dict(values))
        async with pdu(objects) as port:
            polled = asked(family, port, secret)
            found = await twice(polled)
            assert polled.device.fault == ""
            assert found == expected
            assert objects.written == []

    asyncio.run(work())


def test_each_family_is_seen() -> None:
    """There is a simulated PDU for each family, and each names its public MIB."""
    assert set(SEEN) == set(families())
    assert all("https://" in one.source for one in families().values())


def test_what_is_wrong_with_a_pdu() -> None:
    """A wrong community, wrong keys, another family or module, and a register that is set back are told."""

    async def work() -> None:
        objects = Objects(dict(SEEN["eaton-g3"][0]))
        async with pdu(objects) as port:
            for polled, says in (
                (
                    asked("eaton-g3", port, Secret("x", {"community": "public"}), timeout_s=0.5),
                    "no answer within 0.5 s",
                ),
                (asked("eaton-g3", port, Secret("x", {**V3.values, "auth_key": "another-key-12"})), "igest"),
                (asked("eaton-g3", port, Secret("x", {"user": "hidden" * 9})), "credentials 'x' such as SNMP takes?"),
                (asked("vertiv-geist", port, V2), "is it of another family"),
                (asked("eaton-g3", port, V2, module=1), "is its module another one?"),
            ):
                assert await twice(polled) == {}
                assert says in (polled.device.fault or ""), polled.device.fault
                assert "hidden" not in (polled.device.fault or "")
            polled = asked("eaton-g3", port, V2, ())
            await Poller([polled], parallel=1).once()
            objects.values[EATON + "3.5.1.5.0.1"] = 0
            objects.values |= {key: 5 for key in SEEN["raritan-px"][0] if ".5.2.3." in key}
            raritan = asked("raritan-px", port, V2, ())
            assert await twice(raritan) == {}
            assert raritan.device.fault == "quarantined: power: it shows no number; energy: it shows no number"
            await twice(polled)
            assert polled.device.fault == "quarantined: energy: it stepped back from 777,000 to 0 Wh"

    asyncio.run(work())
