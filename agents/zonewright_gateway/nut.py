"""A UPS or PDU behind upsd of Network UPS Tools: its variables, over the protocol of RFC 9271."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

from zonewright_gateway.credentials import Secret
from zonewright_gateway.values import DeviceError, NonsenseError, Shown

_VARIABLE = re.compile(r'VAR \S+ (\S+) "(.*)"')
_OUTLET = re.compile(r"outlet\.(\d+)\.realpower")
_MOST_LINES = 2_000
_WHOLE = ("ups.realpower", "outlet.realpower", "output.realpower", "input.realpower")
"""Real power of the whole, the best known first; apparent power (``ups.power``) is in volt-amperes, and never taken."""


class Upsd:
    """A device behind upsd.

    Args:
        host: of upsd.
        port: of upsd.
        name: of the device there.
        secret: user and password, where upsd wants them.
    """

    def __init__(self, host: str, port: int, name: str, secret: Secret | None) -> None:
        self._host, self._port, self._name, self._secret = host, port, name, secret
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def read(self) -> list[Shown]:
        """What it shows now."""
        variables = await self._variables()
        if "data stale" in variables.get("ups.status", "").lower():
            raise DeviceError("upsd has lost the device")
        name = next((one for one in _WHOLE if one in variables), "")
        if not name:
            raise DeviceError("upsd shows no real power of it (ups.realpower); it may know volt-amperes only")
        shown = [Shown("", "power", _number(name, variables[name]))]
        for key, text in sorted(variables.items()):
            outlet = _OUTLET.fullmatch(key)
            if outlet is not None:
                shown.append(Shown(f"outlet-{outlet[1]}", "power", _number(key, text)))
        return shown

    def close(self) -> None:
        """Close the connection; the next reading opens another."""
        if self._streams is not None:
            with suppress(RuntimeError):  # its loop may have ended
                self._streams[1].close()
            self._streams = None

    async def _variables(self) -> dict[str, str]:
        reader, writer = await self._connected()
        writer.write(f"LIST VAR {self._name}\n".encode())
        found: dict[str, str] = {}
        for _ in range(_MOST_LINES):
            line = await _line(reader)
            match = _VARIABLE.fullmatch(line)
            if match is not None:
                found[match[1]] = match[2]
            elif line.startswith("END LIST VAR"):
                return found
            elif line.startswith("ERR "):
                raise DeviceError(f"upsd: {line.removeprefix('ERR ').replace('-', ' ').lower()}")
        raise NonsenseError("upsd: its list of variables has no end")

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
            for word in ("user", "password"):
                if self._secret is not None and self._secret.has(word):
                    value = self._secret.get(word)
                    if not value.isprintable():  # another line would be another command
                        raise DeviceError(f"credentials '{self._secret.name}': {word} has more than printable letters")
                    command = "USERNAME" if word == "user" else "PASSWORD"
                    self._streams[1].write(f"{command} {_quoted(value)}\n".encode())
                    answer = await _line(self._streams[0])
                    if answer != "OK":
                        raise DeviceError(f"upsd refuses credentials '{self._secret.name}'")
        return self._streams


def _quoted(word: str) -> str:
    """A word as upsd takes it (RFC 9271, section 4.2)."""
    if not set(word) & set(" \"\\#='"):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


async def _line(reader: asyncio.StreamReader) -> str:
    try:
        line = await reader.readline()
    except ValueError:
        raise NonsenseError("upsd: a line has no end") from None
    if not line:
        raise DeviceError("upsd closed the connection")
    return line.decode("utf-8", "replace").strip()


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise NonsenseError(f"{name}: expected a number, got {text[:20]!r}") from None
