"""Which key a host may show: keys pinned in the declaration, known hosts files, and authorities of host certificates.

Nothing is trusted on first use. ``zonewright fleet trust`` is the way in for a key that nobody wrote down yet.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from zonewright.errors import Exit, ZonewrightError
from zonewright.fleet.ssh.public_keys import (
    PublicKey,
    certificate_algorithms,
    is_certificate,
    read_certificate,
)
from zonewright.fleet.ssh.transport import HostKeyError, Target

SSH_PORT = 22
_HASHED_PARTS = 4


class KnownHostsError(ZonewrightError, ValueError):
    """A file of known hosts cannot be used; ``sentences`` says why, one for each line."""

    exit_code = Exit.MISUSE


@dataclass(frozen=True, slots=True)
class KnownHost:
    """One line of a known hosts file.

    Attributes:
        role: what the key is: a host's, an authority's, or one that is no longer trusted.
        hosts: the patterns, as written.
        key: the key.
        where: file and line.
    """

    role: Literal["host", "authority", "revoked"]
    hosts: str
    key: PublicKey
    where: str

    def covers(self, name: str) -> bool:
        """Whether the line is about this name (``host``, or ``[host]:port``)."""
        if self.hosts.startswith("|1|"):
            parts = self.hosts.split("|")
            salt = base64.b64decode(parts[2])
            digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
            return hmac.compare_digest(base64.b64encode(digest).decode(), parts[3])
        patterns = self.hosts.split(",")
        if any(fnmatchcase(name, pattern[1:]) for pattern in patterns if pattern.startswith("!")):
            return False
        # Brackets are written around addresses with ports; for the matcher they would be a set of characters.
        return any(fnmatchcase(name, pattern.replace("[", "[[]")) for pattern in patterns)


_MARKERS: dict[str, Literal["host", "authority", "revoked"]] = {"@cert-authority": "authority", "@revoked": "revoked"}


def read_known_hosts(files: Iterable[Path]) -> tuple[KnownHost, ...]:
    """The lines of known hosts files, in order; a file that is missing has none.

    Raises:
        KnownHostsError: with one sentence for each line that is none.
    """
    found: list[KnownHost] = []
    wrong: list[str] = []
    for file in files:
        if not file.exists():
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            try:
                found.append(_known_host(line.split(), f"{file}:{number}"))
            except ValueError as error:
                wrong.append(f"{file}:{number}: {error}; correct or remove the line")
    if wrong:
        raise KnownHostsError(*wrong)
    return tuple(found)


def _known_host(parts: list[str], where: str) -> KnownHost:
    role: Literal["host", "authority", "revoked"] = "host"
    if parts[0].startswith("@"):
        if parts[0] not in _MARKERS:
            raise ValueError(f"expected @cert-authority or @revoked, got {parts[0]!r}")
        role, parts = _MARKERS[parts[0]], parts[1:]
    hosts = parts[0] if parts else ""
    if hosts.startswith("|") and len(hosts.split("|")) != _HASHED_PARTS:
        raise ValueError("expected a hashed name as |1|salt|hash")
    return KnownHost(role, hosts, PublicKey.parse(" ".join(parts[1:3])), where)


def name_in_known_hosts(target: Target) -> str:
    """What a known hosts file calls a host."""
    return target.address if target.port == SSH_PORT else f"[{target.address}]:{target.port}"


@dataclass(frozen=True, slots=True)
class Trust:
    """What one host may show.

    Attributes:
        target: the host.
        keys: its keys, each with where it is written.
        authorities: keys that sign its certificates.
        revoked: keys that it must not show.
    """

    target: Target
    keys: tuple[tuple[PublicKey, str], ...]
    authorities: frozenset[PublicKey]
    revoked: frozenset[PublicKey]

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What to ask the host for, best first; empty when nothing is known of it."""
        wanted = list(certificate_algorithms()) if self.authorities else []
        for key, _ in self.keys:
            wanted += [name for name in key.algorithms if name not in wanted]
        return tuple(wanted)

    def check(self, blob: bytes, now_s: float) -> None:
        """Let a key pass, or not.

        Args:
            blob: what the host showed: a key, or a certificate.
            now_s: seconds since 1970.

        Raises:
            HostKeyError: when the key is not one that was trusted.
        """
        if is_certificate(blob):
            self._check_certificate(blob, now_s)
            return
        key = PublicKey.of(blob)
        if key in self.revoked:
            raise HostKeyError(f"{self._host} shows the key {key.fingerprint}, which is marked as revoked")
        if any(key == known for known, _ in self.keys):
            return
        raise HostKeyError(self._unknown(key))

    def _check_certificate(self, blob: bytes, now_s: float) -> None:
        try:
            certificate = read_certificate(blob)
        except ValueError as error:
            raise HostKeyError(f"{self._host}: {error}") from None
        flaw = certificate.flaw((self.target.address, self.target.name), now_s)
        if certificate.authority not in self.authorities:
            flaw = f"its certificate is signed by {certificate.authority.fingerprint}, which is not a trusted authority"
        elif {certificate.key, certificate.authority} & self.revoked:
            flaw = f"its key {certificate.key.fingerprint} or its authority is marked as revoked"
        if flaw:
            raise HostKeyError(f"{self._host} shows a certificate that is not valid: {flaw}")

    @property
    def _host(self) -> str:
        return f"{self.target.name} ({self.target.address} port {self.target.port})"

    def _unknown(self, shown: PublicKey) -> str:
        if not self.keys:
            return (
                f"{self._host} shows the key {shown.fingerprint} ({shown.kind}), and none is known for it; compare it "
                f"at the host's console, then: zonewright fleet trust {self.target.name}"
            )
        known = ", ".join(f"{key.fingerprint} ({where})" for key, where in self.keys)
        return (
            f"{self._host} shows the key {shown.fingerprint} ({shown.kind}), but {known} is trusted; somebody "
            "may be in between, or the host was reinstalled: compare the key at its console, then: zonewright "
            f"fleet trust {self.target.name} --replace"
        )


def trust_of(target: Target, known: Iterable[KnownHost]) -> Trust:
    """What a host may show: its pinned keys, and where there are none, those of the known hosts.

    Raises:
        ValueError: when a pinned key is none.
    """
    name = name_in_known_hosts(target)
    own = [line for line in known if line.covers(name) or line.covers(target.address)]
    pinned = tuple((PublicKey.parse(text), "pinned in the declaration") for text in target.host_keys)
    written = tuple((line.key, line.where) for line in own if line.role == "host" and line.covers(name))
    return Trust(
        target,
        pinned or written,
        frozenset() if pinned else frozenset(line.key for line in own if line.role == "authority"),
        frozenset(line.key for line in own if line.role == "revoked"),
    )
