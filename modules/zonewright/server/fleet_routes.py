"""The service as a roll-out sees it: the file of agents beside this program, and reports over HTTP."""

import http.client
import re
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from zonewright.fleet.agents.enrolments import Enrolments, ForeignAgentError
from zonewright.fleet.agents.service import ServiceError
from zonewright.server.agents import AgentBook, AgentEntry, AgentsFileError, FileBook, require_entries
from zonewright.server.file_stamp import tag_of

_OK, _NOT_MODIFIED, _NOT_FOUND = 200, 304, 404


class ServiceForFleet:
    """Keeps tokens and keys of agents, and asks the service for their reports.

    Args:
        agents: the agents that services let report, or the file of them.
        url: where agents report, such as ``https://zone.example:8480/v1/metrics``.
        enrolments: what the ledger has enrolled; without it the file of agents alone says which keys count.
        timeout_s: how long one call may take.
    """

    def __init__(
        self, agents: Path | AgentBook, url: str, *, enrolments: Enrolments | None = None, timeout_s: float = 5.0
    ) -> None:
        self._agents: AgentBook = FileBook(agents) if isinstance(agents, Path) else agents
        self._enrolments = enrolments
        self._url = url.rpartition("/")[0] + "/agent-health"
        self._timeout_s = timeout_s
        self._tls = ssl.create_default_context() if url.startswith("https:") else None
        self._idle: list[http.client.HTTPConnection] = []
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._waiting: dict[str, str] = {}
        self._issued: dict[str, str] = {}

    def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop().close()
        self._agents.close()

    def knows(self, agent: str, *, token_sha256: str, public_key: str) -> bool:
        """Whether this is the agent's present token and enrolled key."""
        if not token_sha256 or not public_key:
            return False
        if self._enrolments is not None and not self._enrolments.knows(agent, public_key):
            return False
        return self._present(agent) == (f"sha256:{token_sha256}", public_key)

    def token_sha256(self, agent: str) -> str:
        """Hash of the token that this agent should have, in hexadecimal; empty where it has none."""
        digest, _ = self._present(agent)
        found = re.fullmatch(r"sha256:([0-9a-f]{64})", digest)
        return found[1] if found is not None else ""

    def foreign_key(self, agent: str) -> str:
        """Why the key that the file of agents has is none that the ledger enrolled, as a sentence; else empty."""
        _, public_key = self._present(agent)
        return self._enrolments.fault(agent, public_key) if self._enrolments is not None and public_key else ""

    def issue(self, agent: str, public_key: str) -> str:
        """A new token for an agent, and the key that signs its reports.

        Whoever comes to write does so for all who wait by then: with hundreds of new hosts the whole file, which is
        longer with each, is else read and written once for every one of them, here and in the service.

        Raises:
            AgentsFileError: when the file cannot be read, or the id is none.
            ServiceError: when the ledger does not take the enrolment.
        """
        with self._lock:
            self._waiting[agent] = public_key
        with self._writing:
            if agent not in self._issued:
                with self._lock:
                    batch, self._waiting = {**self._waiting, agent: public_key}, {}
                self._issued |= self._write(agent, batch)
            return self._issued.pop(agent)

    def _write(self, agent: str, batch: dict[str, str]) -> dict[str, str]:
        try:
            return self._enrolled(batch)
        except (AgentsFileError, ForeignAgentError):
            own = {agent: batch.pop(agent)}
            with self._lock:
                self._waiting = batch | self._waiting  # each tries for itself, and hears of its own fault
            return self._enrolled(own)

    def _enrolled(self, batch: Mapping[str, str]) -> dict[str, str]:
        """New tokens. Before them the ledger says whose the names are: the token of another's agent stays good.

        Whoever is killed in between leaves a key that the list of agents does not have, and the next deployment
        issues a token for it.
        """
        if self._enrolments is not None:
            require_entries({agent: AgentEntry(node=agent, token_digest="") for agent in batch}, "the list of agents")
            self._enrolments.enrol(batch)
        return self._agents.issue(batch)

    def forget(self, agent: str) -> None:
        """The agent is gone.

        Raises:
            AgentsFileError: when the file cannot be read.
            ServiceError: when the ledger does not take it.
        """
        if self._enrolments is None or self._enrolments.forget(agent):
            self._agents.forget(agent)

    def last_report(self, token: str, *, known: bytes | None = None, wait_s: float = 0.0) -> bytes | None:
        """The last report of the agent with this token; see ``Service.last_report``.

        Raises:
            ServiceError: when the service does not answer, or not as it should.
        """
        headers = {"Authorization": f"Bearer {token}"}
        if known is not None:
            headers["If-None-Match"] = tag_of(known)
        if wait_s >= 1:
            headers["Prefer"] = f"wait={int(wait_s)}"
        try:
            status, content = self._get(headers, self._timeout_s + wait_s)
        except (OSError, http.client.HTTPException) as error:
            raise ServiceError(f"the service {self._url} does not answer ({type(error).__name__})") from None
        if status == _NOT_FOUND:
            return None
        if status == _NOT_MODIFIED:
            return known
        if status != _OK:
            raise ServiceError(f"the service {self._url} answers {status}: {content[:200].decode('utf-8', 'replace')}")
        return content

    def _get(self, headers: dict[str, str], timeout_s: float) -> tuple[int, bytes]:
        """Ask over a connection that is there, and over a new one where the service has closed that meanwhile.

        Each host of a roll-out asks several times, and a client of all of HTTP takes twice as long for it.
        """
        while True:
            try:
                connection, is_new = self._idle.pop(), False
            except IndexError:
                connection, is_new = self._connection(), True
            try:
                if connection.sock is None:
                    connection.connect()
                connection.sock.settimeout(timeout_s)
                connection.request("GET", urlsplit(self._url).path, headers=headers)
                answer = connection.getresponse()
                status, content = answer.status, answer.read()
            except ConnectionError:  # also one that was closed without an answer
                connection.close()
                if is_new:
                    raise
                continue
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)
            return status, content

    def _connection(self) -> http.client.HTTPConnection:
        place = urlsplit(self._url).netloc
        if self._tls is None:
            return http.client.HTTPConnection(place, timeout=self._timeout_s)
        return http.client.HTTPSConnection(place, timeout=self._timeout_s, context=self._tls)

    def _present(self, agent: str) -> tuple[str, str]:
        """Token digest and key of an agent; empty where it has none."""
        with self._lock:
            entry = self._agents.entry(agent)
            return ("", "") if entry is None else (entry.token_digest, entry.public_key)
