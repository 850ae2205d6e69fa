"""Texts that the ledger keeps by their digest, asked for page by page. It needs a client and no tables."""

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.content_messages import ContentQuery, TextRemoval
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.canonical import digest_of
from zonewright.rules.words import count_of

_PAGE = 1000


def fetch(ledger: LedgerClient, digests: set[str], *, plan: str = "") -> dict[str, str]:
    """Texts by digest, each of them checked: what was altered or cut off is not taken.

    Args:
        ledger: the ledger.
        digests: of the texts.
        plan: digest of the plan that names them, if there is one.

    Raises:
        LedgerRefusedError: when the ledger does not have one of them, or has another text in its place; one that
            was removed by `ledger prune` is told as that.
    """
    found, gone = _asked(ledger, digests, plan)
    altered = sorted(digest for digest, text in found.items() if digest_of(text) != digest)
    if altered:
        what = f"{len(altered)} texts in the ledger were altered, such as {altered[0][:19]}"
        raise LedgerRefusedError(
            "content", f"{what}; plan the change again: planning renders and stores the texts again"
        )
    if gone:
        entry = max(gone.values(), key=lambda one: one.sequence)
        raise LedgerRefusedError(
            "pruned",
            f"zonewright ledger prune removed {count_of(len(gone), 'text')} of this evidence on {entry.at[:19]}Z, such "
            f"as {min(gone)[:19]} (entry {entry.sequence} of the journal); the ledger keeps digests only; take a "
            "bundle that was exported before",
        )
    missing = sorted(digests - found.keys())
    if missing:
        raise LedgerRefusedError(
            "content", f"{len(missing)} texts are missing in the ledger, such as {missing[0][:19]}"
        )
    return found


def texts_of(ledger: LedgerClient, digests: set[str]) -> dict[str, str]:
    """What the ledger has of some digests, page by page and unchecked; one that it does not have is left out."""
    return _asked(ledger, digests)[0]


def _asked(ledger: LedgerClient, digests: set[str], plan: str = "") -> tuple[dict[str, str], dict[str, TextRemoval]]:
    """Texts by digest, and when others were removed."""
    found: dict[str, str] = {}
    gone: dict[str, TextRemoval] = {}
    wanted = sorted(digests)
    for start in range(0, len(wanted), _PAGE):
        answer = ledger.call(verbs.FETCH, ContentQuery(digests=wanted[start : start + _PAGE], plan=plan))
        found |= answer.texts
        gone |= answer.pruned
    return found, gone
