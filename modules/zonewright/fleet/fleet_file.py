"""The fleet's file: read, judged, and able to name the line of a fault that is found later."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from zonewright.declare.checks.windows import window_faults
from zonewright.declare.document import read_document
from zonewright.declare.problem import Fault, Problem, dotted, in_order, unknown
from zonewright.declare.yaml_text.tree import YamlNode, line_of
from zonewright.errors import Exit, ZonewrightError
from zonewright.fleet.ssh.public_keys import PublicKey
from zonewright.model.fleet import FleetFile


class FleetFileError(ZonewrightError, ValueError):
    """A fleet's file cannot be used.

    Attributes:
        problems: all that is wrong with it, by line.
    """

    exit_code = Exit.MISUSE

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(*(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDocument:
    """A fleet's file that was read.

    Attributes:
        content: what it declares.
        name: its name.
        root: its tree, which knows the lines.
    """

    content: FleetFile
    name: str
    root: YamlNode | None

    def told(self, fault: Fault) -> str:
        """A fault that was found later, with file and line as those that are found while it is read."""
        return str(_problem(self.name, self.root, fault))


def _problem(name: str, root: YamlNode | None, fault: Fault) -> Problem:
    return Problem(
        file=name,
        line=line_of(root, fault.path) if root else 0,
        path=dotted(fault.path),
        what=fault.what,
        expected=fault.expected,
        got=fault.got,
        fix=fault.fix,
    )


def read_fleet_file(path: Path) -> FleetFile:
    """What a fleet's file declares; see ``read_fleet_document``."""
    return read_fleet_document(path).content


def read_fleet_document(path: Path) -> FleetDocument:
    """A fleet's file.

    Raises:
        FleetFileError: with all that is wrong with it.
    """
    document = read_document(path, FleetFile)
    content = document.content if isinstance(document.content, FleetFile) else None
    problems = list(document.problems)
    faults = _faults(content) if content is not None else ()
    problems += [_problem(document.file, document.root, fault) for fault in faults]
    if problems or content is None:
        raise FleetFileError(in_order(problems))
    return FleetDocument(content=content, name=document.file, root=document.root)


def _faults(file: FleetFile) -> Iterator[Fault]:
    """What is wrong between the parts of a file."""
    jumps: list[tuple[tuple[str, ...], str | None]] = [(("login", "jump"), file.login.jump)]
    jumps += [(("hosts", name, "jump"), host.jump) for name, host in file.hosts.items()]
    for path, jump in jumps:
        if jump is not None and jump not in file.bastions:
            yield unknown("bastion", jump, file.bastions, owner=file.party, path=path)
    for kind, group in (("bastions", file.bastions), ("hosts", file.hosts)):
        for name, access in group.items():
            for number, text in enumerate(access.host_keys):
                try:
                    PublicKey.parse(text)
                except ValueError as error:
                    yield Fault(
                        owner=file.party,
                        path=(kind, name, "host_keys", str(number)),
                        what="not a public key",
                        expected="a line as ssh-keyscan prints it, without the host: ssh-ed25519 AAAA...",
                        got=repr(text[:60]),
                        fix=str(error),
                    )
    yield from _gateway_faults(file)
    yield from _receiver_faults(file)
    yield from window_faults(file.party, ("rollout",), file.rollout.windows, file.rollout.freeze)
    for number, wave in enumerate(file.rollout.waves):
        if (wave.hosts is None) == (wave.percent is None):
            got = "neither" if wave.hosts is None else "both"
            path = ("rollout", "waves", str(number))
            yield _wave_fault(
                file, path, "either hosts or percent", got, "give either 'hosts' or 'percent' for this wave"
            )
    if file.rollout.waves[-1].percent != 100:  # noqa: PLR2004 - all of them
        path = ("rollout", "waves", str(len(file.rollout.waves) - 1))
        yield _wave_fault(file, path, "percent: 100", "less", "make the last wave reach all hosts, with percent: 100")


def _gateway_faults(file: FleetFile) -> Iterator[Fault]:
    """Gateways on hosts that the file does not have."""
    for name in file.agent.gateways if file.agent is not None else ():
        if name not in file.hosts:
            yield unknown("host", name, file.hosts, owner=file.party, path=("agent", "gateways", name))


def _receiver_faults(file: FleetFile) -> Iterator[Fault]:
    """Receivers that no agent can report to. Where a URL holds a password that was told before."""
    if file.agent is None:
        return
    for name, url in (("url", file.agent.url), ("also_url", file.agent.also_url)):
        if url is not None and "@" not in url and not _is_receiver(url):
            yield Fault(
                owner=file.party,
                path=("agent", name),
                what="no URL that an agent can report to",
                expected="https://HOST/PATH",
                got=repr(url[:60]),
                fix="correct the URL",
            )
    if file.agent.also_token_file is not None and file.agent.also_url is None:
        yield Fault(
            owner=file.party,
            path=("agent", "also_token_file"),
            what="a token without a receiver",
            expected="also_url beside it",
            got="none",
            fix="add also_url, or leave also_token_file out",
        )


def _is_receiver(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _wave_fault(file: FleetFile, path: tuple[str, ...], expected: str, got: str, fix: str) -> Fault:
    return Fault(owner=file.party, path=path, what="a wave", expected=expected, got=got, fix=fix)
