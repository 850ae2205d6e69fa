"""PDUs as tests see them: of each family what its objects show, what is delivered of it, and a gateway that asks."""

from pysnmp.hlapi.v3arch.asyncio import SnmpEngine

from support.snmp_agent import AUTH_KEY, COMMUNITY, PRIVACY_KEY, USER
from zonewright_gateway.credentials import Secret
from zonewright_gateway.device import Device
from zonewright_gateway.polling import Polled, Poller
from zonewright_gateway.settings import PARTS
from zonewright_gateway.snmp.client import Pdu
from zonewright_gateway.snmp.families import families

V2 = Secret("pdus", {"community": COMMUNITY})
V3 = Secret(
    "pdus", {"user": USER, "auth": "sha256", "auth_key": AUTH_KEY, "privacy": "aes", "privacy_key": PRIVACY_KEY}
)
RARITAN = "1.3.6.1.4.1.13742.6."
EATON = "1.3.6.1.4.1.534.6.6.7."
APC = "1.3.6.1.4.1.318.1.1."
VERTIV = "1.3.6.1.4.1.21239.5.2.3."
SEEN: dict[str, tuple[dict[str, int], dict[str, float]]] = {
    "apc-rpdu": ({APC + "12.1.16.0": 1_234}, {"hw.power of p": 1_234.0}),
    "apc-rpdu2": (
        {
            APC + "26.4.3.1.5.1": 412,
            APC + "26.4.3.1.9.1": 98_765,
            APC + "26.6.3.1.7.1": 200,
            APC + "26.6.3.1.7.2": 212,
            APC + "26.9.4.3.1.7.1": 105,
            APC + "26.9.4.3.1.7.2": -1,
            APC + "26.9.4.3.1.11.1": 321,
        },
        {
            "hw.power of p": 4_120.0,
            "hw.energy of p": 9_876_500.0,
            "hw.power of p-phase-1": 2_000.0,
            "hw.power of p-phase-2": 2_120.0,
            "hw.power of p-outlet-1": 105.0,
            "hw.energy of p-outlet-1": 32_100.0,
        },
    ),
    "raritan-px": (
        {
            RARITAN + "5.2.3.1.4.1.1.5": 30_125,
            RARITAN + "5.2.3.1.4.1.1.8": 4_200_000_000,
            RARITAN + "3.3.4.1.7.1.1.5": 1,
            RARITAN + "3.3.4.1.7.1.1.8": 0,
            RARITAN + "5.2.4.1.4.1.1.1.5": 1_000,
            RARITAN + "3.3.6.1.7.1.1.1.5": 0,
            RARITAN + "5.2.4.1.4.1.1.1.1": 7,
            RARITAN + "5.3.3.1.4.1.2.5": 55,
            RARITAN + "3.4.4.1.7.1.2.5": 0,
            **{RARITAN + f"5.4.3.1.4.1.{outlet}.5": outlet for outlet in range(1, 41)},
            **{RARITAN + f"3.5.4.1.7.1.{outlet}.5": 0 for outlet in range(1, 41)},
            **{RARITAN + f"5.4.3.1.4.1.{outlet}.1": 7 for outlet in range(1, 41)},
        },
        {
            "hw.power of p": 3_012.5,
            "hw.energy of p": 4_200_000_000.0,
            "hw.power of p-phase-1": 1_000.0,
            "hw.power of p-breaker-2": 55.0,
            **{f"hw.power of p-outlet-{outlet}": float(outlet) for outlet in range(1, 41)},
        },
    ),
    "eaton-g3": (
        {
            EATON + "3.5.1.4.0.1": 812,
            EATON + "3.5.1.5.0.1": 777_000,
            **{EATON + f"3.4.1.4.0.1.{phase}": 270 * phase for phase in (1, 2, 3, 4)},
            EATON + "5.5.1.3.0.1": 400,
            EATON + "5.5.1.4.0.1": 500_000,
            EATON + "6.5.1.3.0.24": 60,
        },
        {
            "hw.power of p": 812.0,
            "hw.energy of p": 777_000.0,
            **{f"hw.power of p-phase-{phase}": 270.0 * phase for phase in (1, 2, 3)},
            "hw.power of p-breaker-1": 400.0,
            "hw.energy of p-breaker-1": 500_000.0,
            "hw.power of p-outlet-24": 60.0,
        },
    ),
    "vertiv-geist": (
        {
            VERTIV + "1.1.9.1": 5_000,
            VERTIV + "1.1.12.1": 9_998_000,
            VERTIV + "2.1.12.1": 5_000,
            VERTIV + "3.1.15.2": 44_000,
            VERTIV + "6.1.12.3": 40,
            VERTIV + "6.1.15.3": 41_000,
        },
        {
            "hw.power of p": 5_000.0,
            "hw.energy of p": 9_998_000.0,
            "hw.power of p-phase-1": 5_000.0,
            "hw.energy of p-breaker-2": 44_000.0,
            "hw.power of p-outlet-3": 40.0,
            "hw.energy of p-outlet-3": 41_000.0,
        },
    ),
}


def asked(  # noqa: PLR0917 - few of them are given
    family: str,
    port: int,
    secret: Secret,
    parts: tuple[str, ...] = PARTS,
    module: int | None = None,
    timeout_s: float = 20,
) -> Polled:
    """A PDU as the gateway asks it."""
    one = families()[family]
    number = one.module if module is None else module
    reader = Pdu(SnmpEngine(), ("127.0.0.1", port), secret, one, module=number, parts=parts, timeout_s=timeout_s)
    return Polled(Device("p", 20_000.0), reader, "p", interval_s=10, timeout_s=timeout_s)


async def twice(polled: Polled) -> dict[str, float]:
    """What is delivered after two readings: watts, and energy in watt-hours."""
    poller = Poller([polled], parallel=1)
    await poller.once()
    await poller.once()
    found = {}
    for one in polled.device.collect():
        assert one.value is not None
        factor = 3_600 if one.name == "hw.energy" else 1
        found[f"{one.name} of {one.attributes['hw.id']}"] = one.value / factor
    assert isinstance(polled.reader, Pdu)
    polled.reader._engine.close_dispatcher()
    return found
