"""``--witnesses FILE``: who keeps the heads of the journal, and how often they are sent."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError, model_validator

from zonewright.errors import Exit, ZonewrightError, reason_of
from zonewright.ledger.protocol.errors import LedgerError
from zonewright.model.base import Declared, Identifier, Line
from zonewright.seal.errors import SealError
from zonewright.server.witnesses import GitWitness, HeadWitness, ServiceWitness


class WitnessFileError(ZonewrightError, ValueError):
    """The file cannot be used; ``str()`` is a sentence."""

    exit_code = Exit.MISUSE


class DeclaredWitness(Declared):
    """One witness: a repository of Git, another party's service, or an authority of time-stamps."""

    git: Line = ""
    """URL of the repository, without a password."""
    branch: Identifier = "main"
    service: Line = ""
    """URL of the service."""
    token_file: Line = ""
    """File with the token that it issued."""
    timestamp: Annotated[str, Field(pattern=r"^(https?://\S+)?$", max_length=500)] = ""
    """URL of an authority that gives time-stamps (RFC 3161)."""
    authorities: Line = ""
    """File with the certificates of the authorities whose time-stamps count (PEM)."""

    @model_validator(mode="after")
    def _one_kind(self) -> "DeclaredWitness":
        if bool(self.git) + bool(self.service) + bool(self.timestamp) != 1:
            raise ValueError("expected one of 'git', 'service' and 'timestamp'")
        if bool(self.timestamp) != bool(self.authorities):
            raise ValueError("expected 'authorities' beside 'timestamp'")
        if bool(self.service) != bool(self.token_file):
            raise ValueError("expected 'token_file' beside 'service'")
        if self.git.startswith("-"):
            raise ValueError("expected a URL of Git")
        return self


class WitnessFile(Declared):
    """All of them."""

    every_s: Annotated[int, Field(ge=10, le=86_400)] = 3_600
    """Seconds between two rounds."""
    witnesses: Annotated[dict[Identifier, DeclaredWitness], Field(min_length=1, max_length=20)]


def read_witnesses(path: Path, folder: Path) -> tuple[int, list[tuple[str, HeadWitness]]]:
    """Seconds between two rounds, and the witnesses by name.

    Args:
        path: of the file.
        folder: where copies of repositories lie.

    Raises:
        WitnessFileError: when it cannot be used.
    """
    try:
        declared = WitnessFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        found = [(name, _witness(one, folder / name)) for name, one in declared.witnesses.items()]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise WitnessFileError(f"{path}: {where}: {first['msg'].removeprefix('Value error, ').lower()}") from None
    except ModuleNotFoundError:
        raise WitnessFileError(f"{path}: time-stamps need more: pip install 'zonewright[timestamp]'") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, LedgerError, SealError) as error:
        raise WitnessFileError(f"{path}: {reason_of(error).splitlines()[0]}") from None
    return declared.every_s, found


def _witness(one: DeclaredWitness, path: Path) -> HeadWitness:
    """What sends heads to a witness; a path of its own is for what it must keep here."""
    if one.git:
        return GitWitness(one.git, one.branch, path)
    if one.service:
        return ServiceWitness(one.service, Path(one.token_file).read_text(encoding="ascii").strip())
    from zonewright.seal.timestamps import roots_of  # noqa: PLC0415 - a library that few need
    from zonewright.server.timestamping import TimestampWitness  # noqa: PLC0415 - as above

    roots = roots_of(Path(one.authorities).read_bytes())
    return TimestampWitness(one.timestamp, roots, path.with_name(f"{path.name}.jsonl"))
