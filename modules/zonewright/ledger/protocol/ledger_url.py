"""Where a ledger is, as a URL: a file, a database of PostgreSQL, or a service.

A URL stands in stack files, states and process lists, so there is never a secret in one.
"""

import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

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
    """Refuse a password, also one with characters that must be escaped; what may hold one is not repeated."""
    authority, _, rest = url.partition("://")[2].partition("/")
    user, _, query = authority.rpartition("@")[0], *rest.partition("?")[1:]
    given = {unquote(one.partition("=")[0]).strip().lower() for one in re.split("[&;]", query)}
    if ":" in user or _SECRETS & given or "@" in rest.partition("?")[0] or "#" in url:
        raise LedgerMisuseError(
            "url",
            "a ledger URL must not hold a password, since it is stored and shown, nor '#', nor '@' behind the host: "
            "expected postgresql://USER@HOST/DATABASE; remove it, and name a file with the password in PGPASSFILE, or "
            "a service in PGSERVICE",
        )


def place_of(url: str, root: Path) -> tuple[Path, str]:
    """Where a ledger's own files lie, and the URL of its database; that is empty where the path is its file.

    Args:
        url: of a file or of PostgreSQL.
        root: folder that a relative path starts from.

    Returns:
        Of PostgreSQL a path in the folder ``.zonewright``, with the name of the database or of the service: what
        belongs to the ledger and is no table, such as readings of meters, has its name from it.
    """
    if not is_postgresql(url):
        return root / url.removeprefix(SQLITE), ""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    named = [parts.path.strip("/"), *query.get("dbname", ()), *query.get("service", ())]
    name = next(filter(None, named), "ledger-on-postgresql")
    return root / ".zonewright" / f"{_NAME.sub('-', name)}.db", url
