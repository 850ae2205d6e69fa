"""What a roll-out asks of the service that agents report to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from zonewright.fleet.ssh.transport import FleetError
from zonewright.seal.ssh_signatures import SignatureError, verify_signature

NAMESPACE = "zonewright-health"


class ServiceError(FleetError):
    """The service cannot be asked; ``str()`` is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """What an agent said of itself after a start, signed by its host's key.

    Attributes:
        release: what runs.
        version: the agent's version.
        pid: its process.
        time_ns: when, in nanoseconds since 1970, by the host's clock.
        sources: by source what is wrong with it; empty where it gives readings.
    """

    release: str
    version: str
    pid: int
    time_ns: int
    sources: Mapping[str, str]

    def worse_than(self, before: "HealthReport | None") -> tuple[str, ...]:
        """Sources that gave readings before and give none now; with no report before, all of them when all fail."""
        if before is None:
            worse = set(self.sources) if self.sources and all(self.sources.values()) else set()
        else:
            worse = {name for name, fault in before.sources.items() if not fault and self.sources.get(name, "not read")}
        return tuple(f"{name}: {self.sources.get(name, 'no longer read')}" for name in sorted(worse))


class Service(Protocol):
    """The service, as a roll-out sees it; many threads may ask at once."""

    def knows(self, agent: str, *, token_sha256: str, public_key: str) -> bool:
        """Whether this is the agent's present token and enrolled key."""
        ...

    def token_sha256(self, agent: str) -> str:
        """Hash of the token that this agent should have, in hexadecimal; empty where it has none."""
        ...

    def issue(self, agent: str, public_key: str) -> str:
        """A new token for an agent, and the key that signs its reports; those before count no longer."""
        ...

    def forget(self, agent: str) -> None:
        """The agent is gone."""
        ...

    def foreign_key(self, agent: str) -> str:
        """Why the key by which the service lets an agent report was not enrolled by a roll-out; empty where it was."""
        ...

    def last_report(self, token: str, *, known: bytes | None = None, wait_s: float = 0.0) -> bytes | None:
        """The last report of the agent with this token, as it came.

        Args:
            token: of the agent.
            known: the one that is known already.
            wait_s: how long to wait for another than that, in seconds; a service may wait for less.

        Raises:
            ServiceError: when the service does not answer.
        """
        ...


def read_signed(body: bytes, public_key: str) -> HealthReport:
    """A report whose signature is checked here, whatever the service says of it.

    Raises:
        SignatureError: when it is not signed by this key.
    """
    try:
        document = json.loads(body)
        text = document["report"]
        verify_signature(text.encode(), document["signature"], public_key=public_key, namespace=NAMESPACE)
        report = json.loads(text)
        return HealthReport(
            release=str(report["release"]),
            version=str(report["version"]),
            pid=int(report["pid"]),
            time_ns=int(report["time_ns"]),
            sources={str(name): str(fault) for name, fault in report["sources"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, SignatureError):
            raise
        raise SignatureError("expected a signed report of health") from None
