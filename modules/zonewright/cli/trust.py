"""What an auditor knows from elsewhere than a bundle, as options of the commands that verify one."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zonewright.audit.evidence.trust import AuditTrust
    from zonewright.ledger.protocol.journal_messages import Checkpoint, JournalEntry


def add_trust(verb: argparse.ArgumentParser) -> None:
    """Add ``--keys``, ``--checkpoint``, ``--ledger-key`` and ``--witness``."""
    verb.add_argument(
        "--keys", type=Path, metavar="DIR", help=("folder with public keys that you trust: SIGNER.pub for each signer")
    )
    verb.add_argument("--checkpoint", type=Path, metavar="FILE", help="a checkpoint of the journal that you kept")
    verb.add_argument("--ledger-key", metavar="BASE64", help=("the ledger's public key, from a source that you trust"))
    add_witness(verb)


def add_witness(verb: argparse.ArgumentParser) -> None:
    """Add ``--witness`` and ``--timestamp-ca``."""
    verb.add_argument(
        "--witness",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="signed heads of the journal that a witness kept, one a line; may be repeated",
    )
    verb.add_argument(
        "--timestamp-ca",
        type=Path,
        metavar="FILE",
        help="certificates of the authorities whose time-stamps of heads count (PEM)",
    )


def trust_of(arguments: argparse.Namespace) -> "AuditTrust":
    """What these options say.

    Args:
        arguments: of a command with ``add_trust``.

    Raises:
        StoppedError: where one is not what it should be.
    """
    from zonewright.audit.evidence.trust import AuditTrust
    from zonewright.cli.output import MISUSE, StoppedError

    witnesses, faults = kept_by_witnesses(arguments.witness, arguments.timestamp_ca)
    keys = None
    if arguments.keys is not None:
        keys = {path.stem: _keys(path) for path in sorted(arguments.keys.glob("*.pub"))}
        if not keys:
            raise StoppedError(f"no SIGNER.pub in {arguments.keys}", code=MISUSE)
    return AuditTrust(
        keys=keys,
        checkpoint=kept_checkpoint(arguments.checkpoint),
        ledger_key=arguments.ledger_key,
        witnesses=witnesses,
        witness_faults=faults,
    )


def kept_by_witnesses(
    paths: "Sequence[Path]", authorities: Path | None
) -> "tuple[dict[str, list[Checkpoint]], dict[str, str]]":
    """What witnesses have kept, by the names of their files; and of those with time-stamps what is wrong with these.

    Args:
        paths: of the files.
        authorities: file with the certificates of those whose time-stamps count.

    Raises:
        StoppedError: where one is not what it should be.
    """
    from pydantic import ValidationError

    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.ledger.protocol.journal_messages import Checkpoint

    found: dict[str, list[Checkpoint]] = {}
    faults: dict[str, str] = {}
    for path in paths:
        name = str(path) if path.stem in found else path.stem
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            if any('"stamp":' in line for line in lines):
                found[name], faults[name] = _stamped(path, lines, authorities)
            else:
                found[name] = [Checkpoint.model_validate_json(one) for one in lines]
        except (ValidationError, UnicodeDecodeError):
            raise StoppedError(
                f"{path}: expected a signed checkpoint in each line, got something else", code=MISUSE
            ) from None
    if authorities is not None and not faults:
        raise StoppedError("--timestamp-ca: expected a file of --witness with time-stamps, got none", code=MISUSE)
    return found, faults


def _stamped(path: Path, lines: "Sequence[str]", authorities: Path | None) -> "tuple[list[Checkpoint], str]":
    """Heads that an authority stamped, and the first thing that is wrong with a time-stamp; empty where nothing is."""
    from zonewright.audit.evidence.stamped import StampedHead, stamp_fault
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.seal import SealError

    if authorities is None:
        text = f"{path} has time-stamps: name the certificates of their authority with --timestamp-ca FILE"
        raise StoppedError(text, code=MISUSE)
    heads = [StampedHead.model_validate_json(line) for line in lines]
    try:
        from zonewright.seal.timestamps import roots_of

        roots = roots_of(authorities.read_bytes())
    except ModuleNotFoundError:
        raise StoppedError("time-stamps need more: pip install 'zonewright[timestamp]'", code=MISUSE) from None
    except SealError as error:
        raise StoppedError(f"{authorities}: {error}", code=MISUSE) from None
    faults = (stamp_fault(one, roots) for one in heads)
    return [one.head for one in heads], next((fault for fault in faults if fault), "")


def kept_checkpoint(path: Path | None) -> "Checkpoint | None":
    """A checkpoint from its file, None where no file is named.

    Args:
        path: of the file.

    Raises:
        StoppedError: where it is no checkpoint.
    """
    from pydantic import ValidationError

    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.ledger.protocol.journal_messages import Checkpoint

    if path is None:
        return None
    try:
        return Checkpoint.model_validate_json(path.read_bytes())
    except ValidationError:
        raise StoppedError(f"{path} is not a zonewright checkpoint", code=MISUSE) from None


def _keys(path: Path) -> tuple[str, ...]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(" ".join(line.split()[:2]) for line in lines if line.startswith("ssh-"))


def kept_entries(path: Path) -> "Iterator[JournalEntry]":
    """The entries of a journal that was printed into a file, one a line.

    Args:
        path: of the file.

    Raises:
        StoppedError: where it cannot be read, or a line is no entry.
    """
    from pydantic import ValidationError

    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.errors import reason_of
    from zonewright.ledger.protocol.journal_messages import JournalEntry

    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield JournalEntry.model_validate_json(line)
                except ValidationError:
                    text = (
                        f"{path}:{number}: expected an entry as zonewright ledger history prints it, got another text"
                    )
                    raise StoppedError(text, code=MISUSE) from None
    except OSError as error:
        raise StoppedError(f"{path} cannot be read: {reason_of(error)}", code=MISUSE) from None
