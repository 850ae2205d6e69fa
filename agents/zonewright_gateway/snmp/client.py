"""A PDU behind SNMP, version 2c or 3. It is only asked: nothing here sets an object."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyasn1.error import PyAsn1Error  # type: ignore[import-untyped]
from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch.asyncio import (
    USM_AUTH_HMAC96_MD5,
    USM_AUTH_HMAC96_SHA,
    USM_AUTH_HMAC192_SHA256,
    USM_AUTH_HMAC384_SHA512,
    USM_PRIV_CBC56_DES,
    USM_PRIV_CFB128_AES,
    CommunityData,
    ContextData,
    ObjectIdentity,
    ObjectType,
    SnmpEngine,
    UdpTransportTarget,
    UsmUserData,
    bulk_cmd,
    get_cmd,
)

from zonewright_gateway.credentials import Secret
from zonewright_gateway.snmp.families import NAMES, Column, Family, Oid, oid_of, part_of
from zonewright_gateway.units import scaled
from zonewright_gateway.values import DeviceError, NonsenseError, Shown

AUTH = {
    "md5": USM_AUTH_HMAC96_MD5,
    "sha": USM_AUTH_HMAC96_SHA,
    "sha256": USM_AUTH_HMAC192_SHA256,
    "sha512": USM_AUTH_HMAC384_SHA512,
}
PRIVACY = {"des": USM_PRIV_CBC56_DES, "aes": USM_PRIV_CFB128_AES}
_AT_ONCE = 25
"""Objects in one question; more of them do not fit in one answer of many PDUs."""
_REPEATED = 25
_MOST_PARTS = 200
_PHASES = 3
"""One family lists their sum as a fourth."""
_MOST_DIGITS = 9
_LOOK_AGAIN = 360
"""After so many readings it is looked again which parts there are."""


@dataclass(frozen=True, slots=True)
class _Object:
    oid: Oid
    part: str
    column: Column
    digits: int | None = 0


class Pdu:
    """A PDU.

    Args:
        engine: of this process.
        address: its host and port.
        secret: community, or user and keys.
        family: what it is.
        module: its number behind the address.
        parts: what is read beside the whole.
        timeout_s: for one question.
    """

    def __init__(
        self,
        engine: SnmpEngine,
        address: tuple[str, int],
        secret: Secret,
        family: Family,
        *,
        module: int,
        parts: Sequence[str],
        timeout_s: float,
    ) -> None:
        self._engine, self._address, self._secret, self._family = engine, address, secret, family
        self._module, self._parts, self._timeout_s = module, parts, timeout_s
        self._target: UdpTransportTarget | None = None
        self._objects: list[_Object] = []
        self._walks: dict[str, list[int]] = {}
        self._readings = 0

    async def read(self) -> list[Shown]:
        """What it shows now."""
        try:
            return await self._read()
        except (PyAsn1Error, PySnmpError) as error:  # their text may hold what stands in the credentials
            raise DeviceError(
                f"SNMP: {type(error).__name__}; are the credentials '{self._secret.name}' such as SNMP takes?"
            ) from None

    async def _read(self) -> list[Shown]:
        if not self._objects or self._readings >= _LOOK_AGAIN:
            self._objects, self._readings = await self._found(), 0
            self._walks = {}
        self._readings += 1
        values = await self._get([one.oid for one in self._objects])
        return [_shown(one, values.get(one.oid)) for one in self._objects]

    def close(self) -> None:
        """Forget what was found; the next reading looks again, also where its name leads to."""
        self._objects = []
        self._target = None

    async def _found(self) -> list[_Object]:
        """The objects of the whole, which must be there, and those of the parts that are there."""
        total = [_Object(oid_of(one.oid, module=self._module), "", one) for one in self._family.columns["total"]]
        there = await self._get([one.oid for one in total])
        missing = [one for one in total if there.get(one.oid) is None]
        if len(missing) == len(total):
            said = ".".join(map(str, missing[0].oid))
            raise DeviceError(f"it has no object {said}; is it of another family, or is its module another one?")
        found = [one for one in total if one not in missing]
        for kind in self._parts:
            for column in self._family.columns[kind]:
                if column.oid not in self._walks:  # what a slow PDU told before it ran out of time is kept
                    self._walks[column.oid] = await self._walked(column.oid)
                for number in self._walks[column.oid]:
                    if kind == "phases" and number > _PHASES:
                        continue
                    oid = oid_of(column.oid, module=self._module, part=number)
                    found.append(_Object(oid, f"{NAMES[kind]}-{number}", column))
        return await self._with_digits(found)

    async def _with_digits(self, objects: Sequence[_Object]) -> list[_Object]:
        wanted = {}
        for one in objects:
            if one.column.digits:
                part = int(one.part.rpartition("-")[2]) if one.part else None
                wanted[one] = oid_of(one.column.digits, module=self._module, part=part)
        values = await self._get(list(wanted.values()))
        return [
            _Object(one.oid, one.part, one.column, _digits(wanted[one], values)) if one in wanted else one
            for one in objects
        ]

    async def _walked(self, text: str) -> list[int]:
        """The parts that a column has."""
        base = oid_of(text, module=self._module)
        found: list[int] = []
        last = base
        while len(found) < _MOST_PARTS:
            error, status, _, bound = await bulk_cmd(
                self._engine, self._auth(), await self._to(), ContextData(), 0, _REPEATED, _named(last), lookupMib=False
            )
            _raise(error, status)
            oids = [tuple(int(number) for number in one[0]) for one in bound]
            inside = [one for one in oids if one[: len(base)] == base]
            found += [
                number for one in inside for number in (part_of(text, one, module=self._module),) if number is not None
            ]
            if not inside or len(inside) < len(oids) or inside[-1] <= last:
                break
            last = inside[-1]
        return found

    async def _get(self, oids: Sequence[Oid]) -> dict[Oid, int | None]:
        found: dict[Oid, int | None] = {}
        for begin in range(0, len(oids), _AT_ONCE):
            some = [_named(one) for one in oids[begin : begin + _AT_ONCE]]
            error, status, _, bound = await get_cmd(
                self._engine, self._auth(), await self._to(), ContextData(), *some, lookupMib=False
            )
            _raise(error, status)
            for one in bound:
                found[tuple(int(number) for number in one[0])] = _number(one[1])
        return found

    async def _to(self) -> UdpTransportTarget:
        if self._target is None:
            self._target = await UdpTransportTarget.create(self._address, timeout=self._timeout_s / 2, retries=1)
        return self._target

    def _auth(self) -> CommunityData | UsmUserData:
        secret = self._secret
        if secret.has("community"):
            return CommunityData(secret.get("community"), mpModel=1)  # noqa: S508 - many PDUs have nothing else
        keys: dict[str, object] = {}
        if secret.has("auth_key"):
            keys |= {"authKey": secret.get("auth_key"), "authProtocol": AUTH[secret.get("auth") or "sha"]}
        if secret.has("privacy_key"):
            keys |= {"privKey": secret.get("privacy_key"), "privProtocol": PRIVACY[secret.get("privacy") or "aes"]}
        return UsmUserData(secret.get("user"), **keys)  # noqa: S509 - with the keys that there are


def _named(oid: Oid) -> ObjectType:
    return ObjectType(ObjectIdentity(oid))


def _number(value: object) -> int | None:
    """The number of an object; None where there is no such object, or it is no number."""
    try:
        return int(value)  # type: ignore[call-overload, no-any-return] # whatever the library gives
    except (TypeError, ValueError):
        return None


def _digits(oid: Oid, values: Mapping[Oid, int | None]) -> int | None:
    """How many decimal digits a value has; None where the device does not say so."""
    digits = values.get(oid)
    return digits if digits is not None and 0 <= digits <= _MOST_DIGITS else None


def _raise(error: object, status: object) -> None:
    if error:
        raise DeviceError(f"SNMP: {error}")
    if status:
        raise NonsenseError(f"SNMP: it answers with error {status}")


def _shown(one: _Object, raw: int | None) -> Shown:
    """The value of an object; a negative one means that the device has none."""
    column = one.column
    if one.digits is None:  # it could be wrong by a factor of ten
        return Shown(one.part, column.unit.quantity, math.nan)
    scale = column.scale / 10.0**one.digits
    value = None if raw is None or raw < 0 else scaled(raw, scale)
    return Shown(one.part, column.unit.quantity, value, scale)
