"""A meter behind Modbus TCP. Only functions that read leave this module: the bytes are looked at as they are sent."""

from __future__ import annotations

from collections.abc import Callable

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU

from zonewright_gateway.modbus.maps import Field, RegisterMap
from zonewright_gateway.values import DeviceError, NonsenseError, Shown

READING = frozenset({1, 2, 3, 4})
"""The functions that read coils, inputs and registers; all others can change something."""
_FUNCTION_AT = 7
"""Where the function stands in a frame: after transaction, protocol, length and unit."""
_EXCEPTIONS = {
    1: "it does not know the function",
    2: "it has no such register",
    3: "it does not take the request",
    4: "it has failed",
    6: "it is busy",
    10: "the gateway has no path to it",
    11: "it does not answer the gateway",
}


class WritingError(ValueError):
    """Something other than a reading request was about to be sent; nothing was."""


def only_reading(is_sending: bool, frame: bytes) -> bytes:  # noqa: FBT001 - pymodbus's form
    """A frame as it is, if it reads.

    Raises:
        WritingError: when it is about to be sent and does not.
    """
    if is_sending and (len(frame) <= _FUNCTION_AT or frame[_FUNCTION_AT] not in READING):
        raise WritingError("a gateway only reads; nothing was sent")
    return frame


class Line:
    """A connection to one address, which several meters may share."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._client: AsyncModbusTcpClient | None = None

    def client(self) -> AsyncModbusTcpClient:
        """The connection, made when it is first needed: it belongs to the loop that runs then."""
        if self._client is None:
            self._client = AsyncModbusTcpClient(
                self._host, port=self._port, timeout=60, retries=0, reconnect_delay=0, trace_packet=only_reading
            )
        return self._client

    async def read(self, function: int, address: int, count: int, unit: int) -> list[int]:
        """Words.

        Raises:
            OSError: when the address cannot be reached.
            DeviceError: when what comes is no answer.
        """
        client = self.client()
        if not client.connected and not await client.connect():
            raise ConnectionRefusedError(f"no connection to {self._host}:{self._port}")
        ask = client.read_holding_registers if function == 3 else client.read_input_registers  # noqa: PLR2004
        try:
            answer: ModbusPDU = await ask(address, count=count, device_id=unit)
        except ModbusException as error:
            raise DeviceError(str(error)) from None
        if answer.isError():
            code = getattr(answer, "exception_code", 0)
            said = _EXCEPTIONS.get(code, f"exception {code}")
            raise DeviceError(f"register {address}: {said}")
        words = list(answer.registers)
        if len(words) != count:
            raise NonsenseError(f"register {address}: expected {count} words, got {len(words)}")
        return words

    def close(self) -> None:
        """Close the connection; the next reading opens another."""
        if self._client is not None:
            self._client.close()
            self._client = None


class ModbusMeter:
    """A meter.

    Args:
        line: its connection.
        unit: its number there.
        registers: what it has.
    """

    def __init__(self, line: Line, unit: int, registers: RegisterMap) -> None:
        self._line, self._unit, self._map = line, unit, registers
        self._blocks = registers.blocks()

    async def read(self) -> list[Shown]:
        """What it shows now."""
        words: dict[int, int] = {}
        for address, count in self._blocks:
            found = await self._line.read(self._map.function, address, count, self._unit)
            words.update(enumerate(found, address))
        shown = []
        for one in self._map.fields:
            value = one.value(
                [words[one.address + offset] for offset in range(one.words)], is_low_first=self._map.is_low_first
            )
            if one.quantity == "check":
                _check(one, value)
            else:
                quantity = "energy" if one.quantity == "energy" else "power"
                step = 0.0 if value is None else one.step(value)
                shown.append(Shown(one.part, "energy" if quantity == "energy" else "power", value, step))
        return shown

    def close(self) -> None:
        """Close the connection."""
        self._line.close()


def _check(field: Field, value: float | None) -> None:
    """Raise where the check's value says that words are exchanged, or that this is another meter."""
    if value is None or not field.least <= value <= field.most:
        said = "nothing" if value is None else f"{value:.6g}"
        raise NonsenseError(
            f"quarantined: its {field.unit} shows {said}, expected {field.least:g} to {field.most:g}; "
            "is it another meter, or are its words in another order?"
        )


Lines = Callable[[str, int], Line]


def lines() -> Lines:
    """Gives one connection for each address."""
    known: dict[tuple[str, int], Line] = {}

    def of(host: str, port: int) -> Line:
        if (host, port) not in known:
            known[host, port] = Line(host, port)
        return known[host, port]

    return of
