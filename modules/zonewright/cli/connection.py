"""How commands reach a ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zonewright.declare.stack_file import StackFile
    from zonewright.ledger.store.context import Context
    from zonewright.ledger.transport.client import LedgerClient
    from zonewright.telemetry.home import TelemetryHome


def open_ledger(url: str, root: Path, *, create: bool = False) -> "LedgerClient":
    """A client for a ledger URL.

    Raises:
        LedgerUnavailableError: when there is no ledger.
    """
    from zonewright.ledger.transport.client import LedgerClient, token_for

    return LedgerClient(url, root=root, create=create, token=token_for(url))


def stack_and_ledger(name: str, url: str | None) -> "tuple[Path, StackFile, LedgerClient]":
    """Root, settings and ledger of a stack; ``url`` overrides the stack's own."""
    from zonewright.declare.stack_file import project_root, read_stack_file

    root = project_root(Path.cwd())
    stack = read_stack_file(root, name)
    return root, stack, open_ledger(url or stack.ledger, root)


def ledger_file(url: str) -> Path:
    """The file of a ledger that is one.

    Raises:
        LedgerMisuseError: when the URL is of another.
    """
    from zonewright.ledger import LedgerMisuseError

    path, database = ledger_place(url)
    if database:
        raise LedgerMisuseError(
            "no-file",
            f"the ledger {url} is no file; back up its database with pg_dump, or its server with "
            "pg_basebackup, and restore it with their counterparts",
        )
    return path


def ledger_place(url: str) -> tuple[Path, str]:
    """Where what belongs to a ledger lies, and its URL where it is on PostgreSQL; empty where the path is its file.

    Raises:
        LedgerMisuseError: when the URL is that of a service.
    """
    from zonewright.declare.stack_file import project_root
    from zonewright.ledger import LedgerMisuseError
    from zonewright.ledger.protocol.ledger_url import SQLITE, is_postgresql, place_of, require_url

    if not (url.startswith(SQLITE) or is_postgresql(url)):
        raise LedgerMisuseError(
            "no-file",
            "this works on the ledger itself, on a host that reaches it: expected sqlite:///PATH or "
            f"postgresql://HOST/DATABASE, got {url}",
        )
    require_url(url)
    return place_of(url, project_root(Path.cwd()))


@contextmanager
def readings_at(url: str) -> "Iterator[TelemetryHome]":
    """The readings that belong to a ledger: of a file there need not be one yet."""
    import zonewright.ledger.store.context  # noqa: F401 - what is stored is told to a ledger: else nothing is stored
    from zonewright.telemetry.tables import readings_file, telemetry_path

    path, server = ledger_place(url)
    if not server:
        yield readings_file(telemetry_path(path))
        return
    with measuring_ledger(url) as context:
        if context is not None and context.telemetry is not None:
            yield context.telemetry


@contextmanager
def measuring_ledger(url: str) -> "Iterator[Context | None]":
    """A ledger with its readings and samples, for who works on these; None where there is no ledger yet."""
    from contextlib import closing

    from zonewright.ledger.store.context import Context
    from zonewright.ledger.store.database import Database
    from zonewright.ledger.store.homes import homes_of
    from zonewright.ledger.transport.client import lock_wait_s

    path, server = ledger_place(url)
    if not (server or path.is_file()):
        yield None
        return
    with closing(Database(path, server, lock_wait_s=lock_wait_s())) as database, closing(homes_of(database)) as homes:
        yield Context(database=database, telemetry=homes.readings, samples=homes.samples)
