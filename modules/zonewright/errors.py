"""What every error that ends in a sentence has in common: the sentences, and the exit code they stand for.

It lies below all rooms, and knows none of them: also the engine room, which knows nothing of zones, takes part.
"""

import re
from enum import IntEnum
from typing import Any

_NUMBER = re.compile(r"\[Errno -?[0-9]+\] ?")


class Exit(IntEnum):
    """How a command ends."""

    GOOD = 0
    REFUSED = 1
    """There are findings, or something that was asked for is refused."""
    MISUSE = 2
    """What was given cannot be used."""
    NOT_DECIDED = 3
    """Nothing was decided, for example because the ledger cannot be reached."""


class ZonewrightError(Exception):
    """Base of all errors that a person may read; what else escapes is a fault of zonewright.

    ZonewrightError                  3
    ├── AdoptionError                1  estate.errors and ValueError
    ├── AgentsFileError              2  server.agents and ValueError
    ├── ArtefactError                2  fleet.agents.artefact and ValueError
    ├── AuthoritiesError             2  server.client_authorities and ValueError
    ├── BodyError                    2  ledger.transport.body and ValueError
    ├── BundleError                  2  changes.errors and ValueError
    ├── CertificateError             2  server.certificate and ValueError
    ├── ChainError                   1  telemetry.chain and ValueError
    ├── CheckFailedError             1  provider.resource and ValueError
    ├── ClientCertificateError       2  server.client_authorities
    ├── ConflictError                1  telemetry.interface and ValueError
    ├── DemandError                  2  model.demand and LookupError
    ├── EditError                    1  cli.checking.edit
    ├── EngineError                  3  engine.errors and RuntimeError
    ├── FleetError                   3  fleet.ssh.transport
    │   ├── CommandError             3  fleet.ssh.transport
    │   │   ├── StorageError         3  fleet.ssh.transport
    │   │   └── UnhealthyError       3  fleet.agents.installer
    │   ├── LostError                3  fleet.ssh.transport and ConnectionError
    │   ├── PrivilegeError           3  fleet.ssh.transport and PermissionError
    │   ├── ServiceError             3  fleet.agents.service
    │   │   └── ForeignAgentError    3  fleet.agents.enrolments
    │   └── UnreachableError         3  fleet.ssh.transport and ConnectionError
    │       ├── AlgorithmError       3  fleet.ssh.transport
    │       ├── DroppedError         3  fleet.ssh.transport and ConnectionResetError
    │       ├── HostKeyError         3  fleet.ssh.transport
    │       ├── LoginError           3  fleet.ssh.transport and PermissionError
    │       │   └── AccountError     3  fleet.ssh.transport
    │       ├── RefusedPortError     3  fleet.ssh.transport and ConnectionRefusedError
    │       └── SilentHostError      3  fleet.ssh.transport and TimeoutError
    ├── FleetFileError               2  fleet.fleet_file and ValueError
    ├── ForecastError                2  rules.forecast and ValueError
    ├── ForkError                    1  server.witness_route and ValueError
    ├── HalfDoneError                1  provider.resource
    ├── HealthError                  1  server.health and ValueError
    ├── InterpreterError             2  engine.language_host.interpreter and RuntimeError
    ├── InventoryError               3  estate.inventory.errors and ValueError
    │   └── InventoryMisuseError     2  estate.inventory.errors
    ├── KnownHostsError              2  fleet.ssh.host_keys and ValueError
    ├── LedgerError                  3  ledger.protocol.errors
    │   ├── LedgerMisuseError        2  ledger.protocol.errors and ValueError
    │   │   └── UnknownCallerError   2  ledger.transport.answering
    │   ├── LedgerRefusedError       1  ledger.protocol.errors and PermissionError
    │   │   └── ForbiddenError       1  ledger.transport.answering
    │   └── LedgerUnavailableError   3  ledger.protocol.errors and ConnectionError
    │       └── LedgerConflictError  3  ledger.protocol.errors
    ├── NotAnOrdinaryFileError       2  declare.yaml_text.regular and OSError
    ├── NotRecordedError             3  ledger.verbs.pruning
    ├── OtlpError                    2  telemetry.otlp and ValueError
    ├── PaceError                    3  ledger.transport.paces
    ├── RenderError                  1  render.errors and ValueError
    ├── RunningConfigurationError    2  remediation.remedy
    ├── SealError                    1  seal.errors and ValueError
    ├── SecretError                  3  model.secret and ValueError
    ├── SelectionError               2  fleet.inventory and ValueError
    ├── SignatureError               1  seal.ssh_signatures and ValueError
    ├── SignedFileError              2  audit.evidence.signed_file and ValueError
    ├── SnappyMissingError           2  telemetry.tsdb.remote_write and ImportError
    ├── StackFileError               2  declare.stack_file and ValueError
    ├── StateError                   2  changes.reconciling and ValueError
    ├── StoppedError                 -  cli.output
    ├── StoreFaultError              3  telemetry.home and OSError
    │   └── TsdbFaultError           3  telemetry.home
    │       └── TsdbLostError        3  telemetry.home
    ├── TooLargeError                3  audit.diff.trees and ValueError
    ├── TooManyReadingsError         1  telemetry.summing and ValueError
    ├── TrustError                   1  fleet.ssh.trust and ValueError
    ├── TsdbFileError                2  telemetry.tsdb.settings and ValueError
    ├── UnknownSubjectError          2  rules.lost and LookupError
    ├── UntoldError                  3  telemetry.registers
    ├── WitnessError                 3  server.witnesses
    └── WitnessFileError             2  server.witness_file and ValueError

    Args:
        sentences: what, where, expected, got and what to do; ``str()`` is all of them.

    Attributes:
        exit_code: how a command ends that this error stops.
    """

    exit_code: Exit = Exit.NOT_DECIDED

    def __init__(self, *sentences: str) -> None:
        super().__init__("; ".join(sentences))
        self._sentences = sentences

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors have constructors of their own, so a copy, as another process gets it, is not made by calling one."""
        return _made_again, (type(self), self.args, self.__dict__)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the command line prints, one line for each."""
        return self._sentences


def _made_again(kind: type[ZonewrightError], args: tuple[Any, ...], known: dict[str, Any]) -> ZonewrightError:
    """An error as it was."""
    error = kind.__new__(kind)
    error.args = args  # an OSError takes none from its constructor where a class has one of its own
    error.__dict__.update(known)
    return error


def reason_of(error: BaseException) -> str:
    """What went wrong, as words of a sentence: without the number of the operating system and the name of the file."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return _NUMBER.sub("", str(error)).strip() or type(error).__name__


def sentences_of(error: BaseException) -> tuple[str, ...]:
    """What a person is told of an error that was foreseen; nothing where it was not, which is a fault of ours.

    Args:
        error: one of the tree, or what the operating system says of a file.
    """
    if isinstance(error, ZonewrightError):
        return error.sentences
    if isinstance(error, OSError) and error.filename is not None:
        name = error.filename if isinstance(error.filename, str) else repr(error.filename)
        return (f"{name or 'a file without a name'}: {reason_of(error)}",)
    return ()
