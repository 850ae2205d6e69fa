"""Whose rules run where a folder or a bundle is read: only code that the user who runs the command trusts.

What a ledger has registered its administrator brought, and it runs there. A folder may be anybody's.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from zonewright.model.canonical import digest_of

VARIABLE = "ZONEWRIGHT_RULES"
SETTINGS = "zonewright/rules"
"""Below the user's folder of settings: digests of code, one on each line."""
ALL = "all"
_TRUSTED: ContextVar[frozenset[str] | None] = ContextVar("digests of rules that may run; None for all", default=None)


@contextmanager
def only_trusted(variables: Mapping[str, str]) -> Iterator[None]:
    """Run within the block only rules that the user trusts; what is not run is not decided.

    Args:
        variables: the environment of the user.
    """
    from zonewright.render.validators.known import listed_by_user  # noqa: PLC0415 - a ledger never asks

    listed = listed_by_user(variables, variable=VARIABLE, settings=SETTINGS)
    token = _TRUSTED.set(None if ALL in listed else listed)
    try:
        yield
    finally:
        _TRUSTED.reset(token)


def distrusted(code: str) -> str:
    """The digest of code that must not be run here; empty where it may.

    Args:
        code: of one rule.
    """
    trusted, digest = _TRUSTED.get(), digest_of(code)
    return "" if trusted is None or digest in trusted else digest
