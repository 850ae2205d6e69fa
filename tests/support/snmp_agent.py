"""A simulated PDU: a real SNMP agent of pysnmp on a port of this host, over objects that a test sets."""

from bisect import bisect_right
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import cmdrsp, context
from pysnmp.hlapi.v3arch.asyncio import USM_AUTH_HMAC192_SHA256, USM_PRIV_CFB128_AES
from pysnmp.proto import rfc1902, rfc1905
from pysnmp.smi.instrum import AbstractMibInstrumController

COMMUNITY, USER, AUTH_KEY, PRIVACY_KEY = "reads-only", "gateway", "auth-key-of-12", "privacy-key-12"
_BASE = (1, 3, 6)


@dataclass
class Objects(AbstractMibInstrumController):  # type: ignore[misc] # the library has no types
    """What the agent has.

    Attributes:
        values: by object.
        asked: how many objects were asked for.
        written: what somebody tried to set.
    """

    values: dict[str, int] = field(default_factory=dict)
    asked: int = 0
    written: list[Any] = field(default_factory=list)

    def read_variables(self, *bound: Any, **_context: Any) -> list[Any]:
        """GET."""
        self.asked += len(bound)
        known = {_oid(name): value for name, value in self.values.items()}
        return [(oid, _typed(known[tuple(oid)]) if tuple(oid) in known else rfc1905.noSuchInstance) for oid, _ in bound]

    def read_next_variables(self, *bound: Any, **_context: Any) -> list[Any]:
        """GETNEXT and GETBULK."""
        known = {_oid(name): value for name, value in self.values.items()}
        order, found = sorted(known), []
        for oid, _ in bound:
            at = bisect_right(order, tuple(oid))
            is_end = at == len(order)
            found.append(
                (oid, rfc1905.endOfMibView) if is_end else (rfc1902.ObjectName(order[at]), _typed(known[order[at]]))
            )
        return found

    def write_variables(self, *bound: Any, **_context: Any) -> list[Any]:
        """SET."""
        self.written.append(bound)
        return list(bound)


def _oid(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.split(".")))


def _typed(value: int) -> Any:
    return rfc1902.Integer32(value) if value < 0 else rfc1902.Gauge32(value)


@asynccontextmanager
async def pdu(objects: Objects) -> AsyncIterator[int]:
    """Serve objects by version 2c and 3; gives the port."""
    made = engine.SnmpEngine()
    transport = udp.UdpAsyncioTransport().open_server_mode(("127.0.0.1", 0))
    config.add_transport(made, udp.DOMAIN_NAME, transport)
    config.add_v1_system(made, "area", COMMUNITY)
    keys = (USM_AUTH_HMAC192_SHA256, AUTH_KEY, USM_PRIV_CFB128_AES, PRIVACY_KEY)
    config.add_v3_user(made, USER, *keys)
    config.add_vacm_user(made, 2, "area", "noAuthNoPriv", _BASE, _BASE)
    config.add_vacm_user(made, 3, USER, "authPriv", _BASE, _BASE)
    around = context.SnmpContext(made)
    around.unregister_context_name(b"")
    around.register_context_name(b"", objects)
    for responder in (
        cmdrsp.GetCommandResponder,
        cmdrsp.NextCommandResponder,
        cmdrsp.BulkCommandResponder,
        cmdrsp.SetCommandResponder,
    ):
        responder(made, around)
    await transport._lport
    try:
        yield transport.transport.get_extra_info("sockname")[1]
    finally:
        made.close_dispatcher()
