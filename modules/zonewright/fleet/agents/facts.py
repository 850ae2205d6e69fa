"""What is on a host now: read by one script that changes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from zonewright.fleet.agents.layout import UNIT, Layout, Supervisor
from zonewright.fleet.agents.scripts import MEASURE, PROBE, TEXTS
from zonewright.fleet.scripting import text_of
from zonewright.fleet.ssh.accounts import runs_nothing
from zonewright.fleet.ssh.transport import CommandError, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """One host as it was found.

    Attributes:
        machine: its architecture, as ``x86_64``.
        libc: its C library.
        python: its interpreter, or empty.
        python_version: as ``3.11``, or empty.
        supervisor: what can keep an agent running, or None.
        has_rapl: whether its processors count their energy.
        accelerators: the sources ``amdgpu`` and ``nvml``, where it has such boards.
        sources: what its agent said last that it reads.
        current: the release that runs, or empty.
        releases: releases that are whole, newest first.
        healthy: those of them that once reported healthy, newest first.
        damaged: files of the current release that are not what they were.
        is_proven: whether the current release was once found healthy.
        unit_sha256: hash of the unit that systemd has, or empty.
        public_key: the public half of the agent's key, or empty where there is no pair.
        token_sha256: hash of the agent's token, or empty where it is not the one that was asked for.
        is_active: whether the agent runs.
    """

    machine: str
    libc: Literal["glibc", "musl"]
    python: str
    python_version: str
    supervisor: Supervisor | None
    has_rapl: bool
    current: str
    releases: tuple[str, ...]
    damaged: tuple[str, ...]
    is_proven: bool
    unit_sha256: str
    public_key: str
    token_sha256: str
    is_active: bool
    healthy: tuple[str, ...] = ()
    accelerators: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def previous(self) -> str:
        """The newest other release that once reported healthy, or empty: to no other one a host goes back."""
        return next((release for release in self.healthy if release != self.current), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostConditions:
    """What a change needs of a host, besides what it finds there.

    Attributes:
        clock_s: its clock, in seconds since 1970.
        free_bytes: free space where releases are kept.
    """

    clock_s: int
    free_bytes: int


def observe(session: Session, layout: Layout, *, token_sha256: str = "") -> HostFacts:
    """Look at a host.

    Args:
        session: with it.
        layout: where the agent lives.
        token_sha256: hash of the token that it should have; empty asks for none.

    Raises:
        LostError: when the connection broke.
        PrivilegeError: when the host does not let the user act as root.
        CommandError: when it does not run programs for this user.
    """
    command = PROBE.command(layout.prefix, layout.secrets, layout.services, UNIT, token_sha256, layout.spool)
    done = session.run(command, as_root=layout.is_system)
    found, lists = _lines(done.stdout.decode("utf-8", "replace"))
    if "end" not in found:
        raise runs_nothing(done)
    return _facts(found, lists)


def measure(session: Session, layout: Layout) -> HostConditions:
    """Its clock and its disk; asked for only where something is to be changed, since it starts two programs.

    Raises:
        LostError: when the connection broke.
        PrivilegeError: when the host does not let the user act as root.
        CommandError: when it does not tell them.
    """
    done = session.run(MEASURE.command(layout.prefix), as_root=layout.is_system)
    found, _ = _lines(done.stdout.decode("utf-8", "replace"))
    clock, free_kb = found.get("clock", ""), found.get("free_kb", "")
    if not (clock.isdigit() and free_kb.isdigit()):
        complaint = done.stderr.decode("utf-8", "replace").strip()[-200:] or "nothing was printed"
        sentence = (
            f"expected its time and free space from date and df, got: {complaint}; both commands must work on the host"
        )
        raise CommandError(sentence, code=done.code, output="")
    return HostConditions(clock_s=int(clock), free_bytes=int(free_kb) * 1024)


def read_texts(session: Session, layout: Layout, names: Iterable[str]) -> dict[str, str]:
    """Texts of the release that runs, by path; what is not there is left out.

    Raises:
        LostError: when the connection broke.
        PrivilegeError: when the host does not let the user act as root.
    """
    done = session.run(TEXTS.command(layout.prefix, *names), as_root=layout.is_system)
    found, _ = _lines(done.stdout.decode("utf-8", "replace"))
    return {name: text_of(value) for name, value in found.items()}


_LISTS = ("release", "healthy", "source")


def _lines(text: str) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """What a script printed: the last value by name, and all values of those that are lists."""
    found: dict[str, str] = {}
    lists: dict[str, tuple[str, ...]] = dict.fromkeys(_LISTS, ())
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name in lists:
            lists[name] = (*lists[name], value)
        else:
            found[name] = value
    return found, lists


def _facts(found: Mapping[str, str], lists: Mapping[str, tuple[str, ...]]) -> HostFacts:
    supervisor = found.get("supervisor")
    return HostFacts(
        machine=found.get("machine", ""),
        libc="musl" if found.get("libc") == "musl" else "glibc",
        python=found.get("python", ""),
        python_version=found.get("python_version", ""),
        supervisor="systemd" if supervisor == "systemd" else "runit" if supervisor == "runit" else None,
        has_rapl=found.get("rapl") == "yes",
        current=found.get("current", ""),
        releases=lists["release"],
        healthy=lists["healthy"],
        accelerators=tuple(one for one in ("amdgpu", "nvml") if found.get(one) == "yes"),
        sources=lists["source"],
        damaged=tuple(found.get("damaged", "").split()),
        is_proven=found.get("proven") == "yes",
        unit_sha256=found.get("unit", ""),
        public_key=found.get("key", "") if found.get("private_key") == "yes" else "",
        token_sha256=found.get("token", ""),
        is_active=found.get("active") == "active",
    )
