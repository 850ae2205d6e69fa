"""What an auditor knows from elsewhere than a bundle, as options of the commands that verify one."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zonewright.audit.evidence.trust import AuditTrust
    from zonewright.ledger.protocol.journal_messages import Checkpoint


def add_trust(verb: argparse.ArgumentParser) -> None:
    """Add ``--keys``, ``--checkpoint``, ``--ledger-key`` and ``--witness``."""
    verb.add_argument(
        "--keys", type=Path, metavar="DIR", help=("folder with public keys that you trust: SIGNER.pub for each signer")
    )
    verb.add_argument("--checkpoint", type=Path, metavar="FILE", help="a checkpoint of the journal that you kept")
    verb.add_argument("--ledger-key", metavar="BASE64", help=("the ledger's public key, from a source that you trust"))
    add_witness(verb)


def add_witness(verb: argparse.ArgumentParser) -> None:
    """Add ``--witness``."""
    verb.add_argument(
        "--witness",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="signed heads of the journal that a witness kept, one a line; may be repeated",
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

    keys = None
    if arguments.keys is not None:
        keys = {path.stem: _keys(path) for path in sorted(arguments.keys.glob("*.pub"))}
        if not keys:
            raise StoppedError(f"no SIGNER.pub in {arguments.keys}", code=MISUSE)
    return AuditTrust(
        keys=keys,
        checkpoint=kept_checkpoint(arguments.checkpoint),
        ledger_key=arguments.ledger_key,
        witnesses=kept_by_witnesses(arguments.witness),
    )


def kept_by_witnesses(paths: "Sequence[Path]") -> "dict[str, list[Checkpoint]]":
    """What witnesses have kept, by the names of their files.

    Raises:
        StoppedError: where one is not what it should be.
    """
    from pydantic import ValidationError

    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.ledger.protocol.journal_messages import Checkpoint

    found = {}
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            found[str(path) if path.stem in found else path.stem] = [
                Checkpoint.model_validate_json(one) for one in lines
            ]
        except (ValidationError, UnicodeDecodeError):
            raise StoppedError(
                f"{path}: expected a signed checkpoint in each line, got something else", code=MISUSE
            ) from None
    return found


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
