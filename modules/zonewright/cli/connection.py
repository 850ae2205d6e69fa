"""How commands reach a ledger."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zonewright.declare.stack_file import StackFile
    from zonewright.ledger.transport.client import LedgerClient


def open_ledger(url: str, root: Path, *, create: bool = False) -> "LedgerClient":
    """A client for a ledger URL.

    Raises:
        LedgerUnavailableError: when there is no ledger.
    """
    from zonewright.ledger.transport.client import LedgerClient

    return LedgerClient(url, root=root, create=create, token=os.environ.get("ZONEWRIGHT_LEDGER_TOKEN"))


def stack_and_ledger(name: str, url: str | None) -> "tuple[Path, StackFile, LedgerClient]":
    """Root, settings and ledger of a stack; ``url`` overrides the stack's own."""
    from zonewright.declare.stack_file import project_root, read_stack_file

    root = project_root(Path.cwd())
    stack = read_stack_file(root, name)
    return root, stack, open_ledger(url or stack.ledger, root)


def ledger_file(url: str) -> Path:
    """The ledger's file, beside which readings lie.

    Raises:
        LedgerMisuseError: when the URL is not that of a file.
    """
    from zonewright.declare.stack_file import project_root
    from zonewright.ledger import LedgerMisuseError

    if not url.startswith("sqlite:///"):
        raise LedgerMisuseError(
            "no-file", f"this works on the ledger's file, on the host where it is: expected sqlite:///PATH, got {url}"
        )
    return project_root(Path.cwd()) / url.removeprefix("sqlite:///")


def telemetry_file(url: str) -> Path:
    """The file of the readings that belongs to a ledger's file."""
    from zonewright.ledger.deciding.measuring import telemetry_path

    return telemetry_path(ledger_file(url))
