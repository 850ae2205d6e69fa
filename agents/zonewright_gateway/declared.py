"""The devices of a gateway from `devices.yaml`: all that is wrong in one go, each with its file and line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from zonewright_agent.configuration import ConfigurationError
from zonewright_gateway.credentials import Secret, form_fault
from zonewright_gateway.credentials import load as load_secrets
from zonewright_gateway.documents import Document, Faults, close_to, pairs, read
from zonewright_gateway.modbus.maps import RegisterMap, map_of, shipped_maps
from zonewright_gateway.settings import COMMON, NAME, OWN, PARTS, TOP, Setting, fault_of, host_and_port
from zonewright_gateway.snmp.families import families
from zonewright_gateway.twice import twice


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredDevice:
    """One device.

    Attributes:
        name: its id.
        protocol: how it is read.
        host: its host name or address.
        port: its port.
        rating_w: the most that can flow through it, in watts.
        interval_s: seconds between two readings; None for the agent's.
        timeout_s: seconds that one reading may take.
        own: settings of its protocol.
        secret: its credentials.
        place: the rack and the feed that it measures, by attribute; empty where it says neither.
    """

    name: str
    protocol: str
    host: str
    port: int
    rating_w: float
    interval_s: float | None
    timeout_s: float
    own: Mapping[str, object]
    secret: Secret | None = None
    place: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def words(self, name: str) -> tuple[str, ...]:
        """A setting of its protocol that is a list of words."""
        return _words(self.own.get(name))

    def text(self, name: str) -> str:
        """A setting of its protocol that is text; empty where it has none."""
        return str(self.own.get(name) or "")

    def whole(self, name: str) -> int:
        """A setting of its protocol that is a whole number."""
        value = self.own.get(name)
        return value if isinstance(value, int) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a gateway reads.

    Attributes:
        devices: in the order of the file.
        parallel: how many are asked at once.
        credentials_file: where credentials are, or empty.
        maps: register maps by name, its own and those that come along.
    """

    devices: tuple[DeclaredDevice, ...]
    parallel: int
    credentials_file: str = ""
    maps: Mapping[str, RegisterMap] = field(default_factory=lambda: MappingProxyType({}))


def load(path: str) -> Declared:
    """Read the devices.

    Raises:
        ConfigurationError: with one sentence for each fault.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise ConfigurationError([f"{path}: {(error.strerror or 'cannot be read').lower()}"]) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError([f"{path}: expected UTF-8 text, got byte {error.object[error.start]:#x}"]) from None
    return from_text(text, os.fspath(path))


def from_text(text: str, file: str, *, has_credentials: bool = True) -> Declared:
    """Devices from YAML.

    Args:
        text: the YAML.
        file: its name in sentences.
        has_credentials: whether this is the host where their credentials are.
    """
    faults = Faults(file)
    document = read(text, faults)
    made = None if document is None else _made(document, faults, has_credentials=has_credentials)
    if made is None or faults.sentences:
        raise ConfigurationError(faults.sentences)
    return made


def _made(document: Document, faults: Faults, *, has_credentials: bool) -> Declared | None:
    if not isinstance(document.content, dict):
        faults.add(1, "expected a mapping with 'devices'")
        return None
    top = checked(document, faults, (), document.content, TOP)
    maps: dict[str, RegisterMap | None] = dict(shipped_maps())
    for name, one in pairs(top.get("maps")):
        maps[name] = None  # there is one, and what is wrong with it is told once
        found = map_of(document, faults, ("maps", name), one)
        if found is not None:
            maps[name] = found
    file = str(top.get("credentials_file") or "")
    secrets: dict[str, Secret] | None = {}
    if file and has_credentials:
        file = os.path.join(os.path.dirname(faults.file), file)  # a relative one lies beside the devices
        secrets = load_secrets(file, faults, document.line(("credentials_file",))) or None
    elif file:
        secrets = None
    devices = tuple(
        made
        for name, one in pairs(top.get("devices"))
        for made in (_device(document, faults, name, one, maps, secrets),)
        if made is not None
    )
    good = {name: one for name, one in maps.items() if one is not None}
    for one_name, why in twice(devices, good):
        faults.add(document.line(("devices", one_name)), f"devices.{one_name}: {why}")
    if not devices and not faults.sentences:
        faults.add(document.line(("devices",)), "devices: there is none; name one, or deploy the agent alone")
    parallel = top.get("parallel")
    return Declared(
        devices=devices,
        parallel=parallel if isinstance(parallel, int) else 1,
        credentials_file=file,
        maps=good,
    )


def checked(
    document: Document, faults: Faults, path: tuple[str, ...], given: object, settings: Mapping[str, Setting]
) -> dict[str, object]:
    """The settings of a mapping with their defaults; what is wrong is noted."""
    said = ".".join(path)
    where = f"{said}: " if said else ""
    if not isinstance(given, dict):
        faults.add(document.line(path), f"{where}expected a mapping, got {given!r}")
        return {}
    values: dict[str, object] = {name: one.default for name, one in settings.items()}
    for name, value in pairs(given):
        line, dotted = document.line((*path, name)), f"{said}.{name}" if said else name
        setting = settings.get(name)
        if setting is None:
            faults.add(line, f"{dotted}: unknown setting; {close_to(name, list(settings))}")
            continue
        why = fault_of(setting, value)
        if why:
            faults.add(line, f"{dotted}: {why}")
        else:
            values[name] = value
    for name, setting in settings.items():
        if setting.is_required and name not in given:
            faults.add(
                document.line(path), f"{where}'{name}' is missing; {setting.meaning[0].lower()}{setting.meaning[1:]}"
            )
    return values


def _device(  # noqa: PLR0917 - private
    document: Document,
    faults: Faults,
    name: str,
    given: object,
    maps: Mapping[str, RegisterMap | None],
    secrets: Mapping[str, Secret] | None,
) -> DeclaredDevice | None:
    path = ("devices", name)
    if NAME.fullmatch(name) is None:
        faults.add(document.line(path), f"devices.{name}: expected an id such as 'incomer-a'")
    protocol = given.get("protocol") if isinstance(given, dict) else None
    own = OWN.get(protocol, {}) if isinstance(protocol, str) else {}
    before = len(faults.sentences)
    values = checked(document, faults, path, given, {**COMMON, **own} if own else {**COMMON, **_any_of_all()})
    for what, there in (("map", maps), ("family", families()), ("credentials", secrets)):
        if there is None:
            continue
        chosen = values.get(what) if what in own else None
        if isinstance(chosen, str) and chosen not in there:
            near = close_to(chosen, list(there)) if there else "name the file with them: credentials_file"
            faults.add(document.line((*path, what)), f"devices.{name}.{what}: there is no '{chosen}'; {near}")
    secret = (secrets or {}).get(str(values.get("credentials")))
    if protocol == "bacnet" and not any(values.get(one) for one in ("power", "energy", "temperature")):
        said = f"devices.{name}: neither 'power' nor 'energy' nor 'temperature'; name an object of it"
        faults.add(document.line(path), said)
    family = families().get(str(values.get("family"))) if protocol == "snmp" else None
    if family is not None and values.get("module") not in (None, family.module):
        blind = [one for one in PARTS if one in _words(values.get("parts")) and not family.tells_modules(one)]
        if blind:
            why = f"this family does not tell those of module {values['module']} from others'; leave them out"
            faults.add(document.line((*path, "parts")), f"devices.{name}.parts: {blind[0]}: {why}")
    unfit = form_fault(str(protocol), secret) if secret is not None else ""
    if unfit:
        faults.add(document.line((*path, "credentials")), f"devices.{name}.credentials: {unfit}")
    if len(faults.sentences) > before:
        return None
    host, port = host_and_port(str(values["address"]), str(protocol))
    interval_s = values["interval_s"]
    return DeclaredDevice(
        name=name,
        protocol=str(protocol),
        host=host,
        port=port,
        rating_w=_number(values["rating_w"]),
        interval_s=None if interval_s is None else _number(interval_s),
        timeout_s=_number(values["timeout_s"]),
        own={key: values[key] for key in own},
        place={key: str(values[key]) for key in ("rack", "feed") if values[key] is not None},
        secret=secret,
    )


def _any_of_all() -> dict[str, Setting]:
    """Settings of all protocols, for a device that does not say its own: that is told, and not each of its settings."""
    return {name: one._replace(is_required=False) for each in OWN.values() for name, one in each.items()}


def _words(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
