"""What can go wrong at the ledger, as sentences.

LedgerError
├── LedgerUnavailableError   nothing was decided: not reachable, locked, disk full (exit code 3)
│   └── LedgerConflictError  and the same request again may pass
├── LedgerRefusedError       decided, and the answer is no; may carry findings (exit code 1)
└── LedgerMisuseError        the request itself is wrong (exit code 2)
"""

from zonewright.errors import Exit, ZonewrightError
from zonewright.rules.finding import Finding


class LedgerError(ZonewrightError):
    """Base of all; ``str()`` is one sentence for people.

    Attributes:
        code: a stable word for programs, such as ``another-lineage``.
        sentence: what, where, expected, got and what to do.
        request_id: what the service that answered calls the request in its log; empty where none did.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.request_id = ""

    @property
    def sentences(self) -> tuple[str, ...]:
        """The sentence, and by what the service's operator finds the call in the log."""
        if not self.request_id or self.request_id in self.sentence:
            return (self.sentence,)
        return self.sentence, f"the service's log has this call as request id {self.request_id}"


class LedgerUnavailableError(LedgerError, ConnectionError):
    """The ledger could not be asked, or could not write; nothing was changed, unless its code is ``unknown``."""


class LedgerConflictError(LedgerUnavailableError):
    """Somebody else wrote the same rows at the same moment; the same request again may pass."""


class LedgerRefusedError(LedgerError, PermissionError):
    """The ledger decided, and refused; nothing was changed.

    Attributes:
        findings: the rules that do not hold, worst first; empty where the refusal is not about a rule.
    """

    exit_code = Exit.REFUSED

    def __init__(self, code: str, sentence: str, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(code, sentence)
        self.findings = findings


class LedgerMisuseError(LedgerError, ValueError):
    """The request does not have the form that the verb takes."""

    exit_code = Exit.MISUSE
