"""Where a ledger is, as a URL: a file, a database of PostgreSQL, or a service.

A URL stands in stack files, states and process lists, so there is never a secret in one.
"""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from zonewright.ledger.protocol.errors import LedgerMisuseError

SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql://", "postgres://")
_SECRETS = frozenset({"password", "sslpassword", "oauth_client_secret"})
_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


def is_postgresql(url: str) -> bool:
    """Whether a URL is of a database of PostgreSQL, as its own library reads it."""
    return url.startswith(POSTGRESQL)


def require_url(url: str) -> None:
    """Let the URL of a ledger pass; nothing is opened.

    Raises:
        LedgerMisuseError: when it is none, or holds what must not stand in a URL.
    """
    if url.startswith(SQLITE) and url != SQLITE:
        return
    if is_postgresql(url):
        _require_no_password(url)
        return
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise LedgerMisuseError(
            "url", f"expected a ledger URL such as sqlite:///PATH or https://HOST, got '{url}': {error}"
        ) from None
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if "@" in url or parts.query:  # whatever its scheme: it would be repeated, and it goes into the state
        raise LedgerMisuseError(
            "url", "a ledger URL must not hold a user or password; give the token in ZONEWRIGHT_LEDGER_TOKEN"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise LedgerMisuseError(
            "url", f"expected a ledger URL such as sqlite:///PATH or https://HOST, got '{url}'; correct zone:ledger"
        )
    if parts.scheme == "http" and not local:
        raise LedgerMisuseError("url", f"plain http is for this machine only, got '{url}'; use https")


def _require_no_password(url: str) -> None:
    user = url.partition("://")[2].partition("/")[0].rpartition("@")[0]
    try:
        given = parse_qs(urlsplit(url).query, keep_blank_values=True).keys()
    except ValueError:
        raise LedgerMisuseError("url", f"expected a URL of PostgreSQL, got '{masked(url)}'; correct it") from None
    if ":" in user or _SECRETS & given:
        raise LedgerMisuseError(
            "url",
            f"a ledger URL must not hold a password, since it is stored and shown: got {masked(url)}; remove it, and "
            "name a file with the password in PGPASSFILE, or a service in PGSERVICE",
        )


def masked(url: str) -> str:
    """A URL of PostgreSQL without its password.

    Examples:
        >>> masked("postgresql://ledger:pw@db.example/zone?password=pw&sslmode=require")
        'postgresql://ledger:***@db.example/zone?password=***&sslmode=require'
    """
    scheme, _, rest = url.partition("://")
    where, at, tail = rest.rpartition("@") if "@" in rest.partition("/")[0] else ("", "", rest)
    user, has_password, _ = where.partition(":")
    shown = f"{user}{':***' if has_password else ''}{at}"
    query = re.sub(rf"\b({'|'.join(sorted(_SECRETS))})=[^&]*", r"\1=***", tail)
    return f"{scheme}://{shown}{query}"


def place_of(url: str, root: Path) -> tuple[Path, str]:
    """Where a ledger's own files lie, and the URL of its database; that is empty where the path is its file.

    Args:
        url: of a file or of PostgreSQL.
        root: folder that a relative path starts from.

    Returns:
        Of PostgreSQL a path in the folder ``.zonewright``, with the database's name: what belongs to the ledger and
        is no table, such as readings of meters, has its name from it.
    """
    if not is_postgresql(url):
        return root / url.removeprefix(SQLITE), ""
    name = urlsplit(url).path.strip("/") or "ledger"
    return root / ".zonewright" / f"{_NAME.sub('-', name)}.db", url
