"""A BMC or power distributor behind Redfish: energy and power of a chassis, over TLS with a certificate that is known.

EnvironmentMetrics is asked first (it has energy), then the older Power; which of them there is, is looked for once. The
client is synchronous, so that each device has a thread of its own while it is asked. Nothing waits for such a thread:
one that hangs in a slow answer ends with the process, and its device is not asked again before.
"""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import urllib3

from zonewright_gateway.credentials import Secret
from zonewright_gateway.units import step_of
from zonewright_gateway.values import DeviceError, NonsenseError, Shown

_OK, _UNAUTHORIZED, _FORBIDDEN, _MISSING = 200, 401, 403, 404
_MOST_BYTES = 1024 * 1024
_KILO = 1000.0
_MOST_SUPPLIES = 16


class Bmc:
    """A device behind Redfish.

    Args:
        host: its host name or address.
        port: its port.
        secret: user and password.
        digest: SHA-256 of its certificate; empty where a known authority signed it.
        chassis: which of its chassis; empty for the first that shows power.
        supplies: whether each power supply is read too.
        timeout_s: for one answer.
    """

    def __init__(
        self,
        host: str,
        port: int,
        secret: Secret,
        *,
        digest: str,
        chassis: str,
        supplies: bool,
        timeout_s: float,
    ) -> None:
        self._secret = secret
        self._chassis, self._supplies = chassis, supplies
        self._host, self._port, self._timeout_s = host, port, timeout_s
        self._known: dict[str, Any] = {"assert_fingerprint": digest, "cert_reqs": "CERT_NONE"} if digest else {}
        self._pool: urllib3.HTTPSConnectionPool | None = None
        self._path = ""
        self._is_busy = False

    async def read(self) -> list[Shown]:
        """What it shows now."""
        if self._is_busy:
            raise DeviceError("it is still busy with what it was asked before")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Shown]] = loop.create_future()

        def tell(shown: list[Shown] | None, error: Exception | None) -> None:
            if not answer.done():
                answer.set_exception(error) if error is not None else answer.set_result(shown or [])

        def work() -> None:
            shown, error = None, None
            try:
                shown = self._read()
            except Exception as caught:  # noqa: BLE001 - it is raised where it is waited for
                error = caught
            self._is_busy = False
            with suppress(RuntimeError):  # the loop may have ended
                loop.call_soon_threadsafe(tell, shown, error)

        self._is_busy = True
        threading.Thread(target=work, name=f"redfish {self._host}", daemon=True).start()
        return await answer

    def close(self) -> None:
        """Look again which resources there are, on another connection."""
        self._path = ""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _read(self) -> list[Shown]:
        if not self._path:
            self._path = self._found()
        shown = _shown(self._path, self._get(self._path))
        if not shown:
            raise DeviceError(f"{self._path} has no reading any more")
        if self._supplies:
            shown += self._of_supplies()
        return shown

    def _found(self) -> str:
        """The resource that shows the power of the chassis."""
        members = self._get("/redfish/v1/Chassis").get("Members")
        paths = [str(one.get("@odata.id", "")) for one in members or () if isinstance(one, dict)]
        wanted = [one for one in paths if not self._chassis or one.rstrip("/").rpartition("/")[2] == self._chassis]
        if not wanted:
            there = ", ".join(one.rpartition("/")[2] for one in paths) or "none"
            raise DeviceError(f"it has no chassis '{self._chassis}'; there are: {there}")
        for path in wanted:
            chassis = self._get(path)
            for name in ("EnvironmentMetrics", "Power"):
                link = _link(chassis, name)
                if link and _shown(link, self._get(link)):
                    return link
        raise DeviceError("none of its chassis shows power: neither EnvironmentMetrics nor Power has a reading")

    def _of_supplies(self) -> list[Shown]:
        """Power and energy of each power supply, where PowerSubsystem has them."""
        chassis = self._get(self._path.rstrip("/").rpartition("/")[0])
        subsystem = _link(chassis, "PowerSubsystem")
        supplies = _link(self._get(subsystem), "PowerSupplies") if subsystem else ""
        members = self._get(supplies).get("Members") if supplies else None
        shown: list[Shown] = []
        for one in (members or ())[:_MOST_SUPPLIES]:
            path = str(one.get("@odata.id", ""))
            metrics = _link(self._get(path), "Metrics")
            part = f"psu-{path.rstrip('/').rpartition('/')[2].lower()}"
            shown += _of_metrics(self._get(metrics), part, power="InputPowerWatts") if metrics else []
        return shown

    def _get(self, path: str) -> Mapping[str, Any]:
        known = f"{self._secret.get('user')}:{self._secret.get('password')}".encode()  # RFC 7617, section 2.1
        headers = {"Authorization": f"Basic {base64.b64encode(known).decode()}"}
        pool = self._pool = self._pool or urllib3.HTTPSConnectionPool(
            self._host, self._port, maxsize=1, timeout=self._timeout_s, retries=False, **self._known
        )
        try:
            answer = pool.request("GET", urlsplit(path).path, headers=headers, redirect=False, preload_content=False)
            body = answer.read(_MOST_BYTES + 1)
            answer.release_conn()
        except urllib3.exceptions.SSLError as error:
            raise DeviceError(f"its certificate is not the one that is known: {error}") from None
        except urllib3.exceptions.HTTPError as error:
            raise DeviceError(f"{type(error).__name__}: {error}"[:200]) from None
        if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
            raise DeviceError(f"it refuses credentials '{self._secret.name}' ({answer.status})")
        if answer.status != _OK:
            raise DeviceError(f"{path}: it answered {answer.status}")
        return _document(path, body)


def _document(path: str, body: bytes) -> Mapping[str, Any]:
    import json  # noqa: PLC0415

    try:
        document = json.loads(body) if len(body) <= _MOST_BYTES else None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise NonsenseError(f"{path}: expected a resource of Redfish, got something else")
    return document


def _link(resource: Mapping[str, Any], name: str) -> str:
    found = resource.get(name)
    return str(found.get("@odata.id", "")) if isinstance(found, dict) else ""


def _shown(path: str, resource: Mapping[str, Any]) -> list[Shown]:
    """What EnvironmentMetrics, or the older Power, shows of the whole."""
    if not path.rstrip("/").endswith("/Power"):
        return _of_metrics(resource, "", power="PowerWatts")
    controls = resource.get("PowerControl")
    first = controls[0] if isinstance(controls, list) and controls and isinstance(controls[0], dict) else {}
    watts = _number(first.get("PowerConsumedWatts"))
    return [] if watts is None else [Shown("", "power", watts)]


def _of_metrics(resource: Mapping[str, Any], part: str, *, power: str) -> list[Shown]:
    shown = []
    watts = _number(_dict(resource.get(power)).get("Reading"))
    if watts is not None:
        shown.append(Shown(part, "power", watts))
    energy = _dict(resource.get("EnergykWh"))
    # The total over its life where there is one: the other one begins again when somebody sets it back.
    kwh = _number(energy.get("LifetimeReading"))
    kwh = _number(energy.get("Reading")) if kwh is None else kwh
    if kwh is not None:
        shown.append(Shown(part, "energy", kwh * _KILO, step_of(kwh) * _KILO))
    return shown


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
