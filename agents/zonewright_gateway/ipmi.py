"""A BMC behind IPMI: its power reading by DCMI, asked with ``ipmitool``, which this is the only place to start."""

from __future__ import annotations

import asyncio
import os
import re

from zonewright_gateway.credentials import Secret
from zonewright_gateway.values import DeviceError, NonsenseError, Shown

_WATTS = re.compile(r"Instantaneous power reading\s*:\s*(\d+)\s*Watts", re.IGNORECASE)
_STATE = re.compile(r"Power reading state is\s*:\s*(\w+)", re.IGNORECASE)
_INVALID_W = (0, 65_535)
"""What some BMCs always say; a host whose BMC answers draws something."""
PROGRAM = "ipmitool"


class Dcmi:
    """A BMC.

    Args:
        host: its host name or address.
        port: its port.
        secret: user and password; the password goes by the environment, and never by an argument.
    """

    def __init__(self, host: str, port: int, secret: Secret) -> None:
        self._host, self._port, self._secret = host, port, secret

    async def read(self) -> list[Shown]:
        """What it shows now."""
        command = [PROGRAM, "-I", "lanplus", "-H", self._host, "-p", str(self._port), "-U", self._secret.get("user")]
        variables = {"PATH": os.environ.get("PATH", os.defpath), "IPMI_PASSWORD": self._secret.get("password")}
        process = await asyncio.create_subprocess_exec(
            *command,
            *("-E", "-R", "1", "-N", "1", "dcmi", "power", "reading"),
            env=variables,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            said, complaint = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        return [Shown("", "power", watts_of(process.returncode, said.decode("utf-8", "replace"), complaint))]

    def close(self) -> None:
        """Nothing is kept."""


def watts_of(code: int | None, said: str, complaint: bytes) -> float:
    """The watts that ``ipmitool`` printed.

    Raises:
        DeviceError: when it failed, or the BMC has no reading.
    """
    match, state = _WATTS.search(said), _STATE.search(said)
    if code != 0 or match is None:
        lines = complaint.decode("utf-8", "replace").strip().splitlines()
        raise DeviceError(f"ipmitool: {lines[-1][:150] if lines else 'it printed no power reading'}")
    if state is not None and state[1].lower() != "activated":
        raise DeviceError(f"its power reading is {state[1].lower()}")
    watts = int(match[1])
    if watts in _INVALID_W:
        raise NonsenseError(f"quarantined: power: it shows {watts:,} W, which is no reading")
    return float(watts)
