"""A real Nautobot of the tests' own: from PyPI, on a PostgreSQL and a Redis of Debian, all in a folder of its own.

Nautobot has some 560 MB, so it is not installed by us. ``ZONEWRIGHT_NAUTOBOT`` names a virtual environment that has it
(``python3 -m venv DIR && DIR/bin/pip install nautobot==3.2.7``). A dump of the database with its tables and a superuser
is kept beside the environment.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support.netbox_server import LIMIT_S, RunningInventory, answering, free_port, redis_server
from support.postgresql import PostgresqlServer, postgresql_server

VARIABLE = "ZONEWRIGHT_NAUTOBOT"
TOKEN = "0123456789abcdef0123456789abcdef01234567"
_KEY = "zonewright-tests-" * 4
_NO_HISTORY = """

class _Made:
    def __contains__(self, app):
        return True

    def __getitem__(self, app):
        return None


MIGRATION_MODULES = _Made()
"""
"""Tables as the models have them: of a database that is new, the history of migrations only costs minutes."""
_USER = f"""
from django.contrib.auth import get_user_model
from nautobot.users.models import Token
user = get_user_model().objects.create_superuser("tests", "tests@example.com", "zonewright-tests-1A")
Token.objects.create(user=user, key="{TOKEN}")
"""


def environment() -> Path | None:
    """The virtual environment that has Nautobot; None where there is none."""
    found = Path(os.environ.get(VARIABLE, "/nonexistent"))
    return found if (found / "bin" / "nautobot-server").exists() else None


@contextmanager
def nautobot_server(where: Path) -> Iterator[RunningInventory]:
    """A Nautobot with an empty database until the end of the block.

    Args:
        where: the virtual environment that has it.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="zw-nautobot-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        database = stack.enter_context(postgresql_server())
        redis = stack.enter_context(redis_server(folder))
        name = database.create()
        program = str(where / "bin" / "nautobot-server")
        settings = {
            **os.environ,
            "NAUTOBOT_ROOT": str(folder),
            "NAUTOBOT_CONFIG": str(folder / "nautobot_config.py"),
            "NAUTOBOT_DB_ENGINE": "django.db.backends.postgresql",
            "NAUTOBOT_DB_NAME": name,
            "NAUTOBOT_DB_USER": database.user,
            "NAUTOBOT_DB_PASSWORD": "",
            "NAUTOBOT_DB_HOST": str(database.folder),
            "NAUTOBOT_DB_PORT": "5432",
            "NAUTOBOT_REDIS_HOST": "127.0.0.1",
            "NAUTOBOT_REDIS_PORT": str(redis),
            "NAUTOBOT_SECRET_KEY": _KEY,
            "NAUTOBOT_ALLOWED_HOSTS": "*",
            "NAUTOBOT_INSTALLATION_METRICS_ENABLED": "false",
        }
        _run(program, settings, "init", "--disable-installation-metrics", str(folder / "nautobot_config.py"))
        with (folder / "nautobot_config.py").open("a", encoding="utf-8") as file:
            file.write(_NO_HISTORY)
        _prepare(where, database, name, program, settings)
        port = free_port()
        log = stack.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen(
            [program, "runserver", "--insecure", "--noreload", f"127.0.0.1:{port}"],
            env=settings,
            stdout=log,
            stderr=log,
            cwd=folder,
        )
        stack.callback(process.wait, LIMIT_S)
        stack.callback(process.kill)
        url = f"http://127.0.0.1:{port}"
        answering(f"{url}/login/", process, folder / "log")
        yield RunningInventory(url=url, token=TOKEN)


def _run(program: str, settings: dict[str, str], *words: str) -> None:
    done = subprocess.run(
        [program, *words], env=settings, check=False, timeout=LIMIT_S, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, done.stdout.decode()[-2000:]


def _prepare(where: Path, database: PostgresqlServer, name: str, program: str, settings: dict[str, str]) -> None:
    """Fill a database with tables and a superuser, from a dump where one was kept."""
    dump = where / "zonewright-database.sql"
    connection = ("-h", str(database.folder), "-U", database.user, name)
    if dump.exists():
        database.run("psql", "-q", *connection, given=dump.read_bytes())
        return
    _run(program, settings, "migrate", "--run-syncdb")
    _run(program, settings, "shell", "--command", _USER)
    dump.write_bytes(database.run("pg_dump", *connection))
