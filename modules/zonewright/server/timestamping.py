"""Has an authority stamp heads of the journal (RFC 3161), and keeps what it answers in a file."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from zonewright.audit.evidence.stamped import StampedHead, moment_fault, stamped_bytes
from zonewright.errors import reason_of
from zonewright.ledger.protocol.errors import LedgerError
from zonewright.ledger.protocol.journal_messages import Checkpoint
from zonewright.ledger.store.journal import is_late
from zonewright.ledger.transport.over_http import read_answer
from zonewright.seal.errors import SealError
from zonewright.server.kept_lines import add_line, alone, whole_lines
from zonewright.server.witnesses import WitnessError

if TYPE_CHECKING:
    from cryptography import x509

_TYPE = "application/timestamp-query"
_TIMEOUT_S = 30.0
_OK = 200


class TimestampWitness:
    """An authority that stamps heads. It keeps nothing: whoever has the file can show what it stamped.

    Args:
        url: where it is.
        roots: certificates of the authorities that are trusted.
        path: file that gets a line for each head.
    """

    def __init__(self, url: str, roots: "list[x509.Certificate]", path: Path) -> None:
        self._url, self._roots, self._path = url, roots, path
        self._pool = PoolManager(timeout=_TIMEOUT_S, retries=False)

    def keep(self, head: Checkpoint) -> None:
        """Have the head stamped, unless the last one says the same, or another service's overtook it.

        Raises:
            WitnessError: when it was not, or the stamp does not count.
        """
        with alone(self._path):
            lines = whole_lines(self._path)
            last = self._head_in(lines[-1]) if lines else None
            if last is not None and last.ledger != head.ledger:
                raise WitnessError(f"{self._path} has heads of another ledger, {last.ledger}; move it away")
            is_known = last is not None and (last.sequence, last.hash) == (head.sequence, head.hash)
            if not is_known and not (last is not None and is_late(head, last)):
                add_line(self._path, self._stamped(head).model_dump_json())

    def _head_in(self, line: bytes) -> Checkpoint:
        try:
            return StampedHead.model_validate_json(line).head
        except ValidationError:
            raise WitnessError(f"{self._path}: its last line is no head with a time-stamp; move it away") from None

    def _stamped(self, head: Checkpoint) -> StampedHead:
        from zonewright.seal.timestamps import request_for, stamped_at  # noqa: PLC0415 - a library that few need

        data = stamped_bytes(head)
        asked, nonce = request_for(data)
        answer = self._answer(asked)
        try:
            fault = moment_fault(head, stamped_at(answer, data, self._roots, nonce))
        except SealError as error:
            fault = str(error)
        if fault:
            raise WitnessError(fault)
        return StampedHead(head=head, stamp=base64.b64encode(answer).decode())

    def _answer(self, asked: bytes) -> bytes:
        from zonewright.seal.timestamps import MOST_BYTES  # noqa: PLC0415 - as above

        headers = {"content-type": _TYPE}
        try:
            answer = self._pool.request(
                "POST", self._url, body=asked, headers=headers, redirect=False, preload_content=False
            )
            body = read_answer(answer, most=MOST_BYTES, within_s=_TIMEOUT_S)
        except LedgerError as error:
            raise WitnessError(error.sentence) from None
        except (HTTPError, OSError) as error:
            raise WitnessError(f"{type(error).__name__}: {reason_of(error)[:200]}") from None
        if answer.status != _OK:
            raise WitnessError(f"it answered {answer.status}")
        return body
