"""Sends signed heads of the journal, on a timer, to places that the ledger's host does not own.

Whoever has the ledger's host has its key, and could rewrite the whole journal and sign it again. A head that somebody
else keeps says otherwise. What a witness keeps is a file with one checkpoint a line, which ``audit verify`` reads.
"""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from zonewright.errors import Exit, ZonewrightError, reason_of
from zonewright.ledger.protocol.errors import LedgerError
from zonewright.ledger.protocol.journal_messages import Checkpoint
from zonewright.ledger.store.journal import is_late
from zonewright.ledger.transport.client import OK
from zonewright.ledger.transport.over_http import OverHttp
from zonewright.server.kept_lines import alone
from zonewright.server.periodic import Periodic

VERB = "witness"
_GIT_S, _HTTP_S = 120.0, 30.0
_MOST_BYTES = 16_384
_TRIES = 3
_AUTHOR = ("-c", "user.name=zonewright", "-c", "user.email=zonewright@localhost", "-c", "commit.gpgsign=false")


class WitnessError(ZonewrightError):
    """A witness did not take a head; ``str()`` is a sentence."""

    exit_code = Exit.NOT_DECIDED


class HeadWitness(Protocol):
    """A place that keeps heads; another kind of place is another class with this one method."""

    def keep(self, head: Checkpoint) -> None:
        """Have it keep a head.

        Raises:
            WitnessError: when it did not.
        """
        ...


class GitWitness:
    """A repository of Git on another host: a file for each ledger, a commit for each head, nothing is ever forced.

    Args:
        url: as ``git`` takes it; how to log in is Git's own matter.
        branch: which branch.
        folder: where the working copy lies; it is made.
    """

    def __init__(self, url: str, branch: str, folder: Path) -> None:
        self._url, self._branch, self._folder = url, branch, folder

    def keep(self, head: Checkpoint) -> None:
        """Add the head to the ledger's file and push it, after what is there.

        Another service of the ledger may have sent a later one meanwhile: then this one says nothing more.
        """
        with alone(self._folder):
            self._keep(head)

    def _keep(self, head: Checkpoint) -> None:
        for left in reversed(range(_TRIES)):
            is_there = self._fetch()
            file = self._folder / f"{head.ledger}.jsonl"
            line = f"{head.model_dump_json()}\n"
            before = file.read_text(encoding="utf-8") if file.is_file() else ""
            if line not in before:
                if is_there and _is_late(before, head):
                    return
                file.write_text(before + line, encoding="utf-8")
                self._git("add", "--", file.name)
                text = f"Entry {head.sequence} of zone {head.zone} at {head.at}"
                self._git(*_AUTHOR, "commit", "--quiet", "-m", text)
            elif is_there:
                return
            try:
                self._git("push", "--quiet", "origin", f"HEAD:refs/heads/{self._branch}")
            except WitnessError:
                if not left:
                    raise
            else:
                return

    def _fetch(self) -> bool:
        """Have what the repository has, and nothing besides; false where it has nothing, as a new one."""
        if not (self._folder / ".git").is_dir():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._git("init", "--quiet", "--initial-branch", self._branch)
            self._git("remote", "add", "origin", self._url)
        self._git("remote", "set-url", "origin", self._url)
        ref = f"refs/heads/{self._branch}"
        if not self._git("ls-remote", "origin", ref):
            return False
        self._git("fetch", "--quiet", "origin", ref)
        self._git("reset", "--quiet", "--hard", "FETCH_HEAD")
        self._git("clean", "--quiet", "--force", "-d")
        return True

    def _git(self, *arguments: str) -> str:
        command = ["git", "-c", "core.hooksPath=/dev/null", *arguments]
        try:
            done = subprocess.run(  # noqa: S603 - a list, without a shell
                command,
                cwd=self._folder,
                capture_output=True,
                text=True,
                timeout=_GIT_S,
                check=False,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise WitnessError(f"git {arguments[0]} did not run: {error}") from None
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise WitnessError(f"git {arguments[0]} failed: {said[-1][:200]}")
        return done.stdout.strip()


def _is_late(before: str, head: Checkpoint) -> bool:
    """Whether the last head that is there was signed after another one, and has more entries."""
    try:
        return is_late(head, Checkpoint.model_validate_json(before.splitlines()[-1]))
    except (IndexError, ValueError):
        return False


class ServiceWitness:
    """The service of another party, which looks at each head before it keeps it.

    Args:
        url: where it is.
        token: which it issued: ``zonewright serve --issue``.
    """

    def __init__(self, url: str, token: str) -> None:
        self._road = OverHttp(url, token=token, timeout_s=_HTTP_S, most_bytes=_MOST_BYTES)

    def keep(self, head: Checkpoint) -> None:
        """Send the head."""
        try:
            answer = self._road.post(VERB, head.model_dump_json().encode())
        except LedgerError as error:
            raise WitnessError(error.sentence) from None
        if answer.status != OK:
            raise WitnessError(f"it answered {answer.status}: {answer.body[:300].decode(errors='replace')}")


class Witnessing(Periodic):
    """Sends the head to all witnesses at the begin and on a timer, in a thread of its own.

    Args:
        sign: gives the signed head of now.
        witnesses: by name.
        every_s: seconds between two rounds.
        say: takes a sentence about a witness that did not take a head.
        told: takes name and entry of each head that was taken.
    """

    def __init__(
        self,
        sign: Callable[[], Checkpoint],
        witnesses: Sequence[tuple[str, HeadWitness]],
        *,
        every_s: float,
        say: Callable[[str], None],
        told: Callable[[str, int], None] = lambda _name, _entry: None,
    ) -> None:
        self._sign, self._witnesses = sign, witnesses
        self._say, self._told = say, told
        super().__init__("witnesses", every_s=every_s, is_wanted=bool(witnesses))

    def once(self) -> dict[str, Literal["kept", "missed"]]:
        """Send the head to each of them; one that is away keeps no other from it."""
        try:
            head = self._sign()
        except Exception as error:  # noqa: BLE001 - whatever it is, such as a key that cannot be read: the next time comes
            self._say(f"no head could be signed for the witnesses: {reason_of(error)}; it is tried again next time")
            return {}
        results: dict[str, Literal["kept", "missed"]] = {}
        for name, witness in self._witnesses:
            try:
                witness.keep(head)
            except Exception as error:  # noqa: BLE001 - such as a full disk; the others and the next time come
                self._say(
                    f"witness {name} did not take entry {head.sequence}: {reason_of(error)}; it is sent again next time"
                )
                results[name] = "missed"
            else:
                self._told(name, head.sequence)
                results[name] = "kept"
        return results

    def _round(self) -> None:
        self.once()
