"""``ledger.tsdb.yaml`` beside ``ledger.db``: which time-series database has older readings, and how it is asked."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from zonewright.errors import Exit, ZonewrightError, reason_of
from zonewright.model.base import Declared, Line
from zonewright.telemetry.tsdb.client import HttpTsdb

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_OPEN_TO_OTHERS = 0o077


class TsdbFileError(ZonewrightError, ValueError):
    """The file cannot be used; a sentence for each fault."""

    exit_code = Exit.MISUSE


class TsdbFile(Declared):
    """The time-series database of one ledger."""

    write: Line
    """URL of its remote write, such as ``http://127.0.0.1:9090/api/v1/write``."""
    query: Line
    """URL of its queries, such as ``http://127.0.0.1:9090/api/v1/query``."""
    after_days: Annotated[int, Field(ge=1, le=3_650)] = 7
    """How old readings are when they go there."""
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 10.0
    """How long one answer may take."""
    token_file: Line = ""
    """File with a bearer token. Only its owner may read it."""
    user: Line = ""
    """User of HTTP's basic authentication."""
    password_file: Line = ""
    """File with the user's password. Only its owner may read it."""
    authorities_file: Line = ""
    """File with the certificates that vouch for the database (PEM); without it those of the system do."""
    tenant: Line = ""
    """What is sent as ``X-Scope-OrgID``, where one database serves several tenants."""

    @model_validator(mode="after")
    def _is_whole(self) -> "TsdbFile":
        for name, text in (("write", self.write), ("query", self.query)):
            url = urlsplit(text)
            if url.scheme not in {"http", "https"} or not url.hostname or "@" in url.netloc:
                raise ValueError(f"{name}: expected a URL with http or https, without a password in it")
            is_secret = bool(self.token_file or self.password_file)
            if is_secret and url.scheme == "http" and url.hostname not in _LOOPBACK:
                raise ValueError(f"{name}: expected https, so that nobody reads the secret on the way")
        if bool(self.user) != bool(self.password_file):
            raise ValueError("expected 'user' and 'password_file' together")
        if ":" in self.user:
            raise ValueError("user: expected a name without a colon, which ends it in HTTP's basic authentication")
        if not self.tenant.isascii():
            raise ValueError("tenant: expected plain ASCII, as headers of HTTP have it")
        if self.token_file and self.user:
            raise ValueError("expected either 'token_file' or 'user'")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class TsdbSettings:
    """A time-series database, and when readings go there.

    Attributes:
        tsdb: the database.
        after_us: how old readings are then, in microseconds.
    """

    tsdb: HttpTsdb
    after_us: int


def read_settings(path: Path) -> TsdbSettings:
    """The settings of a file.

    Raises:
        TsdbFileError: when it cannot be used.
    """
    try:
        declared = TsdbFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise TsdbFileError(*(f"{path}: {_said(one)}" for one in error.errors(include_url=False))) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TsdbFileError(f"{path}: {reason_of(error).splitlines()[0]}") from None
    authorities = declared.authorities_file and str(path.parent / declared.authorities_file)
    if authorities and not Path(authorities).is_file():
        raise TsdbFileError(f"{path}: authorities_file: there is no file {authorities}")
    tsdb = HttpTsdb(
        declared.write,
        declared.query,
        headers=_headers(declared, path.parent),
        timeout_s=declared.timeout_s,
        authorities=authorities or None,
    )
    return TsdbSettings(tsdb=tsdb, after_us=declared.after_days * 86_400 * 10**6)


def _said(fault: ErrorDetails) -> str:
    where = ".".join(str(part) for part in fault["loc"]) or "the file"
    what = fault["msg"].removeprefix("Value error, ")
    return f"{where}: {what[:1].lower()}{what[1:]}"


def _headers(declared: TsdbFile, folder: Path) -> dict[str, str]:
    """What goes with each request; the files of secrets lie beside the settings, or where an absolute path says."""
    found: dict[str, str] = {}
    if declared.token_file:
        found["authorization"] = f"Bearer {_secret(folder / declared.token_file)}"
    if declared.user:
        both = f"{declared.user}:{_secret(folder / declared.password_file)}"
        found["authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
    if declared.tenant:
        found["x-scope-orgid"] = declared.tenant
    return found


def _secret(path: Path) -> str:
    """The text of a file that only its owner may read.

    Raises:
        TsdbFileError: when others may read it.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TsdbFileError(f"{path}: {reason_of(error)}") from None
    if mode & _OPEN_TO_OTHERS:
        raise TsdbFileError(f"{path}: others may read this secret; let only its owner: chmod 600 {path}")
    if not text or not text.isprintable():
        raise TsdbFileError(f"{path}: expected one line of text, which goes with each request; write it again")
    return text
