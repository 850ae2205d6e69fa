"""Which agents may report, for which node: tokens are kept as digests only."""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import yaml
from pydantic import TypeAdapter, ValidationError

from zonewright.errors import Exit, ZonewrightError
from zonewright.model.base import Declared, Identifier, Line
from zonewright.model.canonical import digest_of
from zonewright.server.file_stamp import stamp_of


class AgentEntry(Declared):
    """One agent."""

    node: Line
    """The node that it reports for."""
    token_digest: Line
    """Digest of its token."""
    public_key: Line = ""
    """The key that signs its reports, as `ssh-ed25519 AAAA...`, made on its host; empty until it is enrolled."""


_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_ENTRIES: TypeAdapter[dict[Identifier, AgentEntry]] = TypeAdapter(dict[Identifier, AgentEntry])


class AgentsFileError(ZonewrightError, ValueError):
    """The file cannot be used; ``str()`` is a sentence."""

    exit_code = Exit.MISUSE


@dataclass(frozen=True, slots=True)
class Agents:
    """The agents of a file, found by token."""

    by_digest: Mapping[str, tuple[str, str]]
    public_keys: Mapping[str, str] = field(default_factory=dict)

    def find(self, token: str) -> tuple[str, str] | None:
        """Agent and node of a token; looked up by digest, so that time tells nothing of it."""
        return self.by_digest.get(digest_of(token))

    def key_of(self, agent: str) -> str:
        """The key that signs an agent's reports; empty where it has none."""
        return self.public_keys.get(agent, "")


class KnownAgents(Protocol):
    """Who may report; see :class:`Agents`."""

    def find(self, token: str) -> tuple[str, str] | None:
        """Agent and node of a token."""
        ...

    def key_of(self, agent: str) -> str:
        """The key that signs an agent's reports; empty where it has none."""
        ...


class AgentBook(Protocol):
    """Where agents are kept, for who gives them tokens."""

    def entry(self, agent: str) -> AgentEntry | None:
        """One agent."""
        ...

    def issue(self, public_keys: Mapping[str, str]) -> dict[str, str]:
        """Give agents new tokens, and keep their keys; gives the tokens by agent."""
        ...

    def forget(self, agent: str) -> None:
        """Take an agent out."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


def new_tokens(agents: Iterable[str]) -> dict[str, str]:
    """A new token for each of some agents."""
    return {agent: secrets.token_urlsafe(32) for agent in agents}


def require_entries(entries: Mapping[str, AgentEntry], where: str) -> None:
    """Refuse what is no agent.

    Raises:
        AgentsFileError: names what is wrong.
    """
    try:
        _ENTRIES.validate_python({name: entry.model_dump() for name, entry in entries.items()})
    except ValidationError as error:
        raise AgentsFileError(f"nothing was written to {where}: {_first(error)}") from None


def read_agents(path: Path) -> dict[str, AgentEntry]:
    """The agents of a file; none where there is no file yet.

    Raises:
        AgentsFileError: when it cannot be read.
    """
    if not path.exists():
        return {}
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _LOADER)  # noqa: S506 - a safe one
        if not isinstance(document, dict | None):
            raise AgentsFileError(f"{path}: not a file of agents: expected a mapping with 'agents', got something else")
        return _ENTRIES.validate_python((document or {}).get("agents", {}))
    except ValidationError as error:
        raise AgentsFileError(f"{path}: not a file of agents: {_first(error)}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AgentsFileError(f"{path}: not a file of agents: {str(error).splitlines()[0]}") from None


def load_agents(path: Path) -> Agents:
    """The agents of a file, to be asked by token."""
    entries = read_agents(path)
    return Agents(
        {entry.token_digest: (name, entry.node) for name, entry in entries.items()},
        {name: entry.public_key for name, entry in entries.items()},
    )


class AgentsFile:
    """The agents of a file that may change at any time; it is read again when it has."""

    def __init__(self, path: Path, *, say: Callable[[str], None]) -> None:
        self._path, self._say = path, say
        self._stamp = stamp_of(path)
        self._agents = load_agents(path)

    def __call__(self) -> Agents:
        """The agents of now. A file that cannot be read is told once, and those of before stay."""
        stamp = stamp_of(self._path)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._agents = load_agents(self._path)
            except (AgentsFileError, OSError) as error:
                self._say(f"{error}; the previous list of agents stays in use")
        return self._agents


class FileBook:
    """The agents of a file, read again when it has changed.

    Args:
        path: the file, which need not be there.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._stamp = path, stamp_of(path)
        self._entries: dict[str, AgentEntry] | None = None

    def entry(self, agent: str) -> AgentEntry | None:
        """One agent.

        Raises:
            AgentsFileError: when the file cannot be read.
        """
        stamp = stamp_of(self._path)
        if self._entries is None or stamp != self._stamp:
            self._entries, self._stamp = read_agents(self._path), stamp
        return self._entries.get(agent)

    def issue(self, public_keys: Mapping[str, str]) -> dict[str, str]:
        """Give agents new tokens, and keep their keys; gives the tokens by agent."""
        return issue_tokens(self._path, public_keys)

    def forget(self, agent: str) -> None:
        """Take an agent out."""
        forget_agent(self._path, agent)

    def close(self) -> None:
        """Nothing is open."""


def issue_token(path: Path, agent: str, node: str) -> str:
    """Give an agent a new token, which replaces its old one, and keep its digest. The token is not kept anywhere.

    Raises:
        AgentsFileError: when the file cannot be read, or the id is none.
    """
    token = secrets.token_urlsafe(32)
    with _changing(path) as entries:
        public_key = entries[agent].public_key if agent in entries else ""
        entries[agent] = AgentEntry(node=node, token_digest=digest_of(token), public_key=public_key)
    return token


def issue_tokens(path: Path, public_keys: Mapping[str, str]) -> dict[str, str]:
    """Give new tokens to agents that report for the nodes of their names, and keep their keys; gives them by agent.

    Raises:
        AgentsFileError: when the file cannot be read, or an id is none.
    """
    tokens = new_tokens(public_keys)
    with _changing(path) as entries:
        entries |= {
            agent: AgentEntry(node=agent, token_digest=digest_of(tokens[agent]), public_key=public_key)
            for agent, public_key in public_keys.items()
        }
    return tokens


def forget_agent(path: Path, agent: str) -> None:
    """Take an agent out of the file; its token counts no longer.

    Raises:
        AgentsFileError: when the file cannot be read.
    """
    with _changing(path) as entries:
        entries.pop(agent, None)


def _first(error: ValidationError) -> str:
    """What is wrong first: where, and what was expected; the value may be a secret in the wrong place."""
    first = error.errors(include_url=False)[0]
    if "[key]" in first["loc"]:
        return f"'{first['loc'][0]}' is not an agent's id: {first['msg']}"
    where = ".".join(str(part) for part in first["loc"]) or "agents"
    return f"{where}: {first['msg'].lower()}"


@contextmanager
def _changing(path: Path) -> Iterator[dict[str, AgentEntry]]:
    """The agents, to be changed by one at a time; written aside and renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        entries = read_agents(path)
        try:
            yield entries
            data = {name: entry.model_dump() for name, entry in sorted(entries.items())}
            _ENTRIES.validate_python(data)
        except ValidationError as error:
            raise AgentsFileError(f"nothing was written to {path}: {_first(error)}") from None
        temporary = path.with_suffix(".new")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            yaml.dump({"agents": data}, file, _DUMPER)
        temporary.replace(path)
