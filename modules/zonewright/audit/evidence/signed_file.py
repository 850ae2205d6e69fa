"""The file of what one agent signed: its batches and heads, and where the journal names them. It needs no server.

One JSON object a line, compressed: what it is, batches, heads, seals, entries of the journal, and a signed head of it.
"""

import json
import lzma
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from zonewright.errors import Exit, ZonewrightError
from zonewright.ledger.protocol.journal_messages import Checkpoint, JournalEntry, VouchedEntries
from zonewright.model.canonical import canonical_json

FORMAT = "zonewright-signed-telemetry"
VERSION = 2
_READ = (1, VERSION)
"""Before the second, a file had each entry of the journal whole."""
MOST_BYTES = 4 * 1024**3
"""Unpacked; a year of a gateway with 50 meters has about 3 GiB."""
MOST_LINE_BYTES = 64 * 1024**2
"""Of one line: a batch has 16 MiB at most."""
_AT_ONCE = 1024**2


class SignedFileError(ZonewrightError, ValueError):
    """The file is none; ``str()`` is a sentence."""

    exit_code = Exit.MISUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBatch:
    """A batch as it came.

    Attributes:
        sequence: its number.
        received_ns: when it came.
        body: the batch.
    """

    sequence: int
    received_ns: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledHead:
    """A head, as it was signed.

    Attributes:
        text: what was signed.
        signature: over it.
        key: the key that it counted by.
        seal: the seal that it is part of; None where it waits for one.
    """

    text: str
    signature: str
    key: str
    seal: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledSeal:
    """What shows that the journal names an agent's heads and events.

    Attributes:
        number: of the seal.
        entry: number of the entry of the journal.
        text: the agent's heads and events.
        index: place of the text in the tree.
        count: leaves of the tree.
        path: the hashes beside its way up.
    """

    number: int
    entry: int
    text: str
    index: int
    count: int
    path: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class SignedFile:
    """What a file holds besides its batches.

    Attributes:
        agent: whose batches they are.
        node: the node that it reports for.
        ledger: id of the ledger that they are for.
        heads: in order.
        seals: in order.
        journal: entries, from the first that names the agent's key on; the hashes alone of some that are about others.
        checkpoint: a signed head of the journal.
        vouched: hashes of the entries before those of which the file has the hashes alone, signed by the ledger.
    """

    agent: str
    node: str
    ledger: str
    heads: list[FiledHead] = field(default_factory=list)
    seals: list[FiledSeal] = field(default_factory=list)
    journal: list[JournalEntry] = field(default_factory=list)
    checkpoint: Checkpoint | None = None
    vouched: VouchedEntries | None = None


def write_signed(path: Path, held: SignedFile, batches: Iterable[SignedBatch]) -> int:
    """Write a file; gives how many batches it has. It is there whole, or not at all."""
    temporary, count = path.with_name(f"{path.name}.new"), 0
    with lzma.open(temporary, "wt", encoding="utf-8", newline="\n", preset=1) as file:
        file.write(
            _line(
                kind="file",
                format=FORMAT,
                version=VERSION,
                agent=held.agent,
                node=held.node,
                ledger=held.ledger,
            )
        )
        for one in batches:
            body = one.body.decode()
            file.write(_line(kind="batch", sequence=one.sequence, received_ns=one.received_ns, body=body))
            count += 1
        for head in held.heads:
            file.write(_line(kind="head", text=head.text, signature=head.signature, key=head.key, seal=head.seal))
        for seal in held.seals:
            file.write(
                _line(
                    kind="seal",
                    number=seal.number,
                    entry=seal.entry,
                    text=seal.text,
                    index=seal.index,
                    count=seal.count,
                    path=list(seal.path),
                )
            )
        for entry in held.journal:
            file.write(_line(kind="entry", entry=entry.model_dump()))
        if held.checkpoint is not None:
            file.write(_line(kind="checkpoint", checkpoint=held.checkpoint.model_dump()))
        if held.vouched is not None:
            file.write(_line(kind="vouched", vouched=held.vouched.model_dump(mode="json")))
    temporary.replace(path)
    return count


def _line(**said: Any) -> str:
    return f"{canonical_json(said)}\n"


def read_signed(path: Path) -> tuple[SignedFile, Iterator[SignedBatch]]:
    """What a file holds, and its batches, which are read as they are asked for.

    Raises:
        SignedFileError: when it is none.
        OSError: when it cannot be read.
    """
    held: SignedFile | None = None
    for said in _said(path):
        try:
            if held is None:
                if (said["kind"], said["format"]) != ("file", FORMAT) or said["version"] not in _READ:
                    raise SignedFileError(f"{path}: expected a file of 'zonewright pue signed', of version {VERSION}")
                held = SignedFile(agent=str(said["agent"]), node=str(said["node"]), ledger=str(said["ledger"]))
            elif said["kind"] != "batch":
                _take(held, said)
        except (KeyError, TypeError, ValueError, OverflowError, ValidationError) as error:
            if isinstance(error, SignedFileError):
                raise
            raise SignedFileError(f"{path}: a line is not what it should be ({type(error).__name__})") from None
    if held is None:
        raise SignedFileError(f"{path}: expected a file of 'zonewright pue signed', got an empty one")
    return held, _batches(path)


def _take(held: SignedFile, said: dict[str, Any]) -> None:
    if said["kind"] == "head":
        seal = None if said["seal"] is None else int(said["seal"])
        held.heads.append(
            FiledHead(text=str(said["text"]), signature=str(said["signature"]), key=str(said["key"]), seal=seal)
        )
    elif said["kind"] == "seal":
        held.seals.append(
            FiledSeal(
                number=int(said["number"]),
                entry=int(said["entry"]),
                text=str(said["text"]),
                index=int(said["index"]),
                count=int(said["count"]),
                path=tuple(str(one) for one in said["path"]),
            )
        )
    elif said["kind"] == "entry":
        held.journal.append(JournalEntry.model_validate(said["entry"]))
    elif said["kind"] == "checkpoint":
        held.checkpoint = Checkpoint.model_validate(said["checkpoint"])
    elif said["kind"] == "vouched":
        held.vouched = VouchedEntries.model_validate_json(canonical_json(said["vouched"]))
    else:
        raise ValueError(said["kind"])


def _batches(path: Path) -> Iterator[SignedBatch]:
    for said in _said(path):
        if said.get("kind") == "batch":
            try:
                yield SignedBatch(
                    sequence=int(said["sequence"]),
                    received_ns=int(said["received_ns"]),
                    body=str(said["body"]).encode(),
                )
            except (KeyError, TypeError, ValueError, OverflowError):
                raise SignedFileError(f"{path}: a batch is not what it should be") from None


def _said(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file, within bounds."""
    left, rest = MOST_BYTES, b""
    try:
        with lzma.open(path, "rb") as file:
            while block := file.read(_AT_ONCE):
                left -= len(block)
                if left < 0:
                    raise SignedFileError(f"{path}: more than {MOST_BYTES:,} bytes unpacked; export a shorter time")
                *lines, rest = (rest + block).split(b"\n")
                yield from _parsed(path, lines)
                if len(rest) > MOST_LINE_BYTES:
                    raise SignedFileError(f"{path}: a line has more than {MOST_LINE_BYTES:,} bytes")
    except (lzma.LZMAError, EOFError):
        raise SignedFileError(f"{path}: expected a file of 'zonewright pue signed', got something else") from None
    if rest:
        raise SignedFileError(f"{path}: it ends within a line: it was cut")


def _parsed(path: Path, lines: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            raise SignedFileError(f"{path}: a line is no JSON") from None
        if not isinstance(said, dict):
            raise SignedFileError(f"{path}: a line is no object")
        yield said
