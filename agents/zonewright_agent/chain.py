"""The chain of what an agent sends: each batch names the one before it, and the host's key signs the last of them.

``ssh-keygen -Y sign`` signs, with the key that was made on the host and that the ledger has enrolled: nothing but
OpenSSH is needed. It runs beside the sampling, and what it gives goes with the next batch: so a signature lies in the
spool, is sent again and is acknowledged as any reading. Who has the batches can verify them years later.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress

from zonewright_agent.log import log
from zonewright_agent.spool import Spool

try:  # as the module random does: hashlib loads all of OpenSSL, a fifth of the agent's memory
    from _sha2 import sha256  # type: ignore[import-not-found]
except ImportError:  # before Python 3.12
    try:
        from _sha256 import sha256  # type: ignore[import-not-found]
    except ImportError:  # another Python
        from hashlib import sha256

NAMESPACE = "zonewright-telemetry"
"""What the signature is for: one of a report of health is none of a chain."""
EVERY_S = 600.0
_TIMEOUT_S = 20.0
PREVIOUS, HEAD, SIGNATURE = "zonewright.previous", "zonewright.head", "zonewright.signature"
_CHAINED = f'"{PREVIOUS}"'.encode()


def digest_of(batch: bytes) -> str:
    """What the next batch names this one by."""
    return str(sha256(batch).hexdigest())


def head_text(*, agent: str, ledger: str, sequence: int, digest: str, time_ns: int) -> str:
    """What is signed: that this agent's chain for this ledger had this batch at its end."""
    head = {"agent": agent, "digest": digest, "ledger": ledger, "sequence": str(sequence), "time_ns": str(time_ns)}
    return json.dumps(head, sort_keys=True, separators=(",", ":"))


class Chain:
    """The chain of one spool, which goes on after a restart.

    Args:
        spool: of the batches.
        agent: id of the agent.
        key_file: the host's own key.
    """

    def __init__(self, spool: Spool, *, agent: str, key_file: str) -> None:
        self._agent, self._key_file = agent, key_file
        self._ledger_file = os.path.join(spool.folder, "ledger")
        self._ledger = _content(self._ledger_file)
        last = spool.last_batch()
        if last is None:
            self._previous = spool.mark
        else:
            self._previous = digest_of(last) if _CHAINED in last else ""
        self._due_s = time.monotonic()
        self._signer: _Signer | None = None
        self._signed: dict[str, str] = {}

    def name_ledger(self, ledger: str) -> None:
        """Sign for this ledger from now on, as its service says; what is signed counts in no other one.

        Raises:
            OSError: when it cannot be kept for after a restart.
        """
        if ledger != self._ledger:
            with open(self._ledger_file, "w", encoding="utf-8") as file:
                file.write(ledger)
            self._ledger, self._due_s = ledger, time.monotonic()

    def attributes(self) -> dict[str, str]:
        """What the next batch says: which one is before it, and a new signature of the chain where there is one."""
        if self._signer is not None and self._signer.is_over():
            self._signed = self._signer.signed() or self._signed
            self._signer = None
        return {PREVIOUS: self._previous, **self._signed}

    def kept(self, sequence: int, digest: str) -> None:
        """A batch is on disk; have the chain's end signed where that is due."""
        self._previous, self._signed = digest, {}
        now_s = time.monotonic()
        if self._ledger is not None and self._signer is None and now_s >= self._due_s:
            self._due_s = now_s + EVERY_S
            text = head_text(
                agent=self._agent, ledger=self._ledger, sequence=sequence, digest=digest, time_ns=time.time_ns()
            )
            try:
                self._signer = _Signer(text, self._key_file)
            except OSError as error:
                log("not-signed", error=str(error))


def _content(path: str) -> str | None:
    """What a file holds; None where there is none: nobody has said yet which ledger it is."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError):
        return None


class _Signer:
    """One run of ssh-keygen, which nobody waits for.

    Args:
        text: what it signs.
        key_file: with which key.

    Raises:
        OSError: when it cannot be started.
    """

    def __init__(self, text: str, key_file: str) -> None:
        import subprocess  # noqa: PLC0415 - only hosts with a key need it

        self._text, self._until_s = text, time.monotonic() + _TIMEOUT_S
        command = ["ssh-keygen", "-q", "-Y", "sign", "-f", key_file, "-n", NAMESPACE]
        self._process = subprocess.Popen(  # noqa: S603 - OpenSSH's own program, fixed arguments
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with suppress(BrokenPipeError):  # it has ended then, and says why
            self._process.stdin.write(text.encode())  # type: ignore[union-attr] # it is a pipe, which holds far more
            self._process.stdin.close()  # type: ignore[union-attr]

    def is_over(self) -> bool:
        """Whether it has ended; one that takes too long is ended."""
        if self._process.poll() is None and time.monotonic() > self._until_s:
            self._process.kill()
            self._process.wait()
        return self._process.poll() is not None

    def signed(self) -> dict[str, str]:
        """The attributes of what was signed; none where it was not, which is told."""
        with self._process as process:
            out, why = process.stdout.read(), process.stderr.read()  # type: ignore[union-attr]
        if self._process.returncode == 0:
            return {HEAD: self._text, SIGNATURE: out.decode("ascii")}
        said = why.decode(errors="replace").strip()[-200:] or f"it ended with {self._process.returncode}"
        log("not-signed", error=f"ssh-keygen cannot sign: {said}")
        return {}
