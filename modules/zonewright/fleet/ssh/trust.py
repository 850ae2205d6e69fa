"""How a host's key becomes trusted: a person compares it with what the host's console shows, and that is written down.

A key that was scanned is only ever a claim of the network. It is recorded when it equals what the person gives.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from zonewright.errors import Exit, ZonewrightError
from zonewright.fleet.ssh.host_keys import name_in_known_hosts, read_known_hosts
from zonewright.fleet.ssh.public_keys import PublicKey
from zonewright.fleet.ssh.transport import Target

KNOWN_HOSTS = Path(".zonewright/known_hosts")
RECORD = Path(".zonewright/trust.jsonl")
_PREFIX = "SHA256:"


class TrustError(ZonewrightError, ValueError):
    """A key is not trusted; ``str()`` is a sentence."""

    exit_code = Exit.REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the network showed beside what a person gives.

    Attributes:
        target: the host.
        shown: the key that was scanned.
        trusted: keys that are trusted for it until now.
    """

    target: Target
    shown: PublicKey
    trusted: tuple[PublicKey, ...]

    @property
    def is_trusted(self) -> bool:
        """Whether it is trusted already."""
        return self.shown in self.trusted

    def text(self) -> str:
        """Fingerprints one below the other, so that a glance compares them."""
        place = f"{self.target.name} ({self.target.address} port {self.target.port})"
        lines = [place, f"  shown by the network  {self.shown.fingerprint}  {self.shown.kind}"]
        lines += [f"  trusted now           {key.fingerprint}  {key.kind}" for key in self.trusted]
        return "\n".join(lines)

    def require(self, given: str, *, replace: bool) -> None:
        """Let the key pass when it is what the person gives.

        Args:
            given: a fingerprint or a public key, as the console prints it; other words around it do not matter.
            replace: whether a trusted key may be replaced.

        Raises:
            TrustError: when it is another one, or would replace one unasked.
        """
        said = _fingerprint_in(given)
        if said is None:
            raise TrustError(
                f"expected a fingerprint such as SHA256:... or a public key, got {given[:60]!r}; at the host's "
                f"console: ssh-keygen -lf /etc/ssh/{_file_of(self.shown)}"
            )
        if said != self.shown.fingerprint:
            raise TrustError(
                f"{self.target.name}: the network shows {self.shown.fingerprint}, but the console shows "
                f"{said}. Nothing was recorded; somebody may be in between"
            )
        if self.trusted and not self.is_trusted and not replace:
            known = ", ".join(key.fingerprint for key in self.trusted)
            raise TrustError(f"{self.target.name}: {known} is trusted now; to replace it, use --replace")


def compare(target: Target, shown: PublicKey, known_hosts: Path) -> Comparison:
    """What the network showed beside what is trusted until now.

    Raises:
        KnownHostsError: when the file cannot be used.
    """
    name = name_in_known_hosts(target)
    lines = [line for line in read_known_hosts((known_hosts,)) if line.role == "host" and line.covers(name)]
    pinned = tuple(PublicKey.parse(text) for text in target.host_keys)
    return Comparison(target=target, shown=shown, trusted=pinned or tuple(line.key for line in lines))


def record(
    comparison: Comparison,
    root: Path,
    *,
    who: str,
    now: datetime,
    journal: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Write the key into the project's known hosts, and who trusted it when.

    Args:
        comparison: what a person let pass.
        root: the project's folder.
        who: the person.
        now: the time.
        journal: takes the entry for the ledger's journal; None where there is no ledger.
    """
    target, key = comparison.target, comparison.shown
    entry = {
        "at": now.isoformat(timespec="seconds"),
        "who": who,
        "host": target.name,
        "name": name_in_known_hosts(target),
        "key": str(key),
        "fingerprint": key.fingerprint,
        "replaced": [old.fingerprint for old in comparison.trusted if old != key],
    }
    if journal is not None:
        journal(entry)  # first: a key that no journal knows of is not trusted
    with _appending(root / RECORD) as file:
        file.write(json.dumps(entry, sort_keys=True) + "\n")
    _write_known_host(root / KNOWN_HOSTS, name_in_known_hosts(target), key)
    return entry


def _write_known_host(path: Path, name: str, key: PublicKey) -> None:
    """The file with this key for this name, and no other one; written aside and renamed."""
    old = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in old if line.split(maxsplit=1)[:1] != [name]]
    temporary = path.with_suffix(".new")
    temporary.write_text("\n".join([*kept, f"{name} {key}"]) + "\n", encoding="utf-8")
    temporary.replace(path)


def _appending(path: Path) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8")


def _fingerprint_in(given: str) -> str | None:
    """The one fingerprint of what a person pasted."""
    words = given.split()
    found = {word.rstrip("=") for word in words if word.startswith(_PREFIX)}
    if not found:
        try:
            start = next(index for index, word in enumerate(words) if word.startswith(("ssh-", "ecdsa-")))
            found = {PublicKey.parse(" ".join(words[start : start + 2])).fingerprint}
        except (StopIteration, ValueError):
            return None
    return found.pop() if len(found) == 1 else None


def _file_of(key: PublicKey) -> str:
    kind = key.kind.removeprefix("ssh-").split("-")[0]
    return f"ssh_host_{kind}_key.pub"
