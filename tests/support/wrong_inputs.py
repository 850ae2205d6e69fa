"""A small project, and inputs of each kind that a command cannot use: what the walk over all commands gives them."""

import argparse
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

from support.signing import write_keys, zone_with
from support.zone_project import REPOSITORY, cluster, facility
from zonewright.cli import main, parser

SMALL = Path("stacks/zones/small")
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0VqYhJY/ug+QoY/H/ILyYWzApMSh1djsl1KNyRt5Bz"
FLEET = {
    "party": "operator",
    "login": {"user": "deploy"},
    "agent": {"url": "http://127.0.0.1:1"},
    "hosts": {"a": {"address": "127.0.0.1", "port": 1, "site": "dc1", "host_keys": [HOST_KEY]}},
}
MEASURED = REPOSITORY / "tests/cases/pue/gap-without-rating"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One command that does something.

    Attributes:
        path: its words, such as ``("ledger", "init")``.
        parser: its arguments.
    """

    path: tuple[str, ...]
    parser: argparse.ArgumentParser

    @property
    def name(self) -> str:
        """Its words."""
        return " ".join(self.path)

    def actions(self) -> list[argparse.Action]:
        """The arguments that take a value; those with choices are argparse's to check."""
        takes = [one for one in self.parser._actions if one.dest != "help" and one.nargs != 0]
        return [one for one in takes if one.choices is None]


def leaves(top: argparse.ArgumentParser | None = None, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Every command of the command line."""
    here = top or parser()
    below = [one for one in here._actions if isinstance(one, argparse._SubParsersAction)]
    if not below:
        yield Leaf(path, here)
    for action in below:
        for name, sub in action.choices.items():
            yield from leaves(sub, (*path, name))


def write(path: Path, content: str | bytes | Mapping[str, Any] | Sequence[Any]) -> None:
    """A file with text, bytes, or data as YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        path.write_text(text, encoding="utf-8")


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command in this process."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as leave:  # argparse
            code = int(str(leave.code or 0))
    return code, out.getvalue(), err.getvalue()


def make_project(root: Path) -> str:
    """A zone with a ledger, stacks that cannot be used in one way each, and files of each kind; changes the folder.

    Args:
        root: the project's folder, which becomes the working directory.

    Returns:
        The digest of a plan of the ledger.
    """
    write(root / "Pulumi.yaml", "name: x\nruntime: python\nstackConfigDir: stacks\n")
    write(root / SMALL / "zone.yaml", zone_with())
    write(root / SMALL / "facility-operator.yaml", facility(2))
    write(root / SMALL / "tenant-a.yaml", {"owner": "tenant-a", "clusters": {"web": cluster(2)}})
    write(root / "fleet.yaml", FLEET)
    write(root / "rendered/etc/motd", "hello ref+env://NOT_THERE\n")
    write_keys(root)
    (root / "state.json").write_text('{"deployment": {"resources": []}}', encoding="utf-8")
    for name in ("readings.csv", "meters.yaml"):
        shutil.copy(MEASURED / name, root / name)
    os.chdir(root)
    assert run("ledger", "init", str(SMALL))[0] == 0
    assert run("ledger", "load", str(SMALL), "--only", "operator")[0] == 0
    assert run("stack", "new", "good", "--party", "tenant-a")[0] == 0
    code, out, err = run("change", "plan", "--stack", "good", "--key", "anna.pem", "--format", "json")
    assert code == 0, err
    plan = json.loads(out)
    shutil.copytree(root / plan["bundle"], root / "bundle")
    write(root / "checkpoint.json", run("ledger", "checkpoint")[1])
    _wrong_zones(root)
    _wrong_stacks(root)
    _wrong_files(root / "bad")
    return str(plan["plan"]["digest"])


def _wrong_zones(root: Path) -> None:
    for name in ("format", "template", "type", "torn"):
        shutil.copytree(root / SMALL, root / "stacks/zones" / name)
    motd = {"title": "motd", "subject": "node", "files": [{"template": "motd.j2", "path": "etc/motd"}]}
    for name, filters, text in (
        ("format", ["nofilter"], "x\n"),
        ("template", ["comment"], "{{ node.name | nofilter }}\n"),
    ):
        folder = root / "stacks/zones" / name / "templates/motd"
        write(folder / "format.yaml", {**motd, "filters": filters})
        write(folder / "motd.j2", text)
    write(
        root / "stacks/zones/type/tenant-a.yaml",
        {"owner": "tenant-a", "clusters": {"web": cluster(2, node_type="no-u")}},
    )
    write(root / "stacks/zones/torn/zone.yaml", "zone: [1\n")


def _wrong_stacks(root: Path) -> None:
    good = {
        "declaration": str(SMALL / "tenant-a.yaml"),
        "ledger": "sqlite:///.zonewright/ledger.db",
        "stackId": "good-0123456789ab",
    }

    def stack(name: str, **changed: Any) -> None:
        values = {f"zone:{key}": value for key, value in (good | changed).items() if value is not None}
        write(root / f"stacks/Pulumi.{name}.yaml", {"config": values})

    stack("short-id", stackId="ab")
    stack("odd-id", stackId="odd id/with:letters")
    stack("long-id", stackId="x" * 200)
    stack("number-id", stackId=12345678)
    stack("no-id", stackId=None)
    stack("no-file", declaration="stacks/zones/small/none.yaml")
    stack("folder-file", declaration="stacks/zones/small")
    stack("empty-file", declaration="")
    stack("binary-file", declaration="bad/binary")
    stack("root-file", declaration="/")
    stack("odd-ledger", ledger="no ledger at all")
    stack("no-ledger", ledger="sqlite:///none.db")
    stack("folder-ledger", ledger="sqlite:///bad/folder")
    stack("text-ledger", ledger="sqlite:///bad/text")
    stack("closed-ledger", ledger="http://127.0.0.1:1")
    for name in ("format", "template", "type", "torn"):
        stack(f"{name}-zone", declaration=f"stacks/zones/{name}/tenant-a.yaml")
    write(root / "stacks/Pulumi.torn.yaml", "config: {a: [\n")
    write(root / "stacks/Pulumi.list.yaml", "- 1\n")
    write(root / "stacks/Pulumi.text.yaml", "config: 7\n")
    write(root / "stacks/Pulumi.binary.yaml", b"\xff\xfe\x00")
    (root / "stacks/Pulumi.folder.yaml").mkdir()


def _wrong_files(bad: Path) -> None:
    (bad / "folder").mkdir(parents=True)
    write(bad / "empty", "")
    write(bad / "binary", b"\xff\xfe\x00\x01" * 64)
    write(bad / "text", "Just a letter to somebody.\n" * 30)
    write(bad / "torn.yaml", "a: [1\n")
    write(bad / "list.yaml", "- 1\n- 2\n")
    write(bad / "mapping.json", "{}\n")
    write(bad / "unknown.yaml", {"unknown": 1, "keys": {"of": "mine"}})
    types = {
        "party": 3,
        "login": [],
        "hosts": 7,
        "agent": "x",
        "agents": 3,
        "owner": {},
        "zone": [],
        "meters": 1,
        "keys": 2,
    }
    write(bad / "types.yaml", types)
    write(bad / "torn.tar", b"ustar" * 200)
    write(bad / "key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    write(bad / "key.pub", "ssh-ed25519 AAAA nobody\n")
    (bad / "loop").symlink_to("loop")
    write(bad / "zone-torn/zone.yaml", "zone: [1\n")
    write(bad / "zone-binary/zone.yaml", b"\xff\xfe")
    (bad / "zone-folder/zone.yaml").mkdir(parents=True)
    write(bad / "closed", "secret\n")
    (bad / "closed").chmod(0)
    with closing(sqlite3.connect(bad / "other.db")) as connection:
        connection.execute("create table other (x)")
        connection.commit()


LONG = "x" * 300
ANY_PATHS = ("", "bad/missing", "bad/loop", "bad/empty/below", f"bad/{LONG}", "bad/folder", "bad/text")
FILES = (
    *ANY_PATHS,
    *(f"bad/{name}" for name in ("empty", "binary", "torn.yaml", "list.yaml", "unknown.yaml", "closed")),
)
FOLDERS = (*ANY_PATHS, "bad/zone-torn", "bad/zone-binary", "bad/zone-folder")
FILES_OF = {
    "key": ("bad/key.pem", "bad/key.pub"),
    "bundle": ("bad/torn.tar", "bad/zone-folder"),
    "checkpoint": ("bad/mapping.json",),
    "ledger": ("bad/other.db",),
    "fleet": ("bad/types.yaml",),
    "agents": ("bad/types.yaml",),
    "meters": ("bad/types.yaml",),
}
"""Files of a kind that only these arguments take."""
URLS = (
    *("", "no url", "sqlite://", "sqlite:///", "sqlite:///none.db", "sqlite:///bad/folder", "sqlite:///bad/text"),
    *("sqlite:///bad/other.db", "sqlite:///bad/empty", "sqlite:///bad/loop", "sqlite:///bad/text/below.db"),
    *("http://127.0.0.1:1", "http://127.0.0.1:99999", "http://[::1", "http://", "https://user:word@host", "ftp://x"),
    *("http://example.org", "sqlite:///" + LONG, "https://nothing.invalid", "PAGE"),
)
STACKS = (
    *(
        "",
        "none",
        "../x",
        "a b",
        LONG,
        "short-id",
        "odd-id",
        "long-id",
        "number-id",
        "no-id",
        "no-file",
        "folder-file",
    ),
    *("empty-file", "binary-file", "root-file", "odd-ledger", "no-ledger", "folder-ledger", "text-ledger"),
    *(
        "closed-ledger",
        "format-zone",
        "template-zone",
        "type-zone",
        "torn-zone",
        "torn",
        "list",
        "text",
        "binary",
        "folder",
    ),
)
NUMBERS = ("", "x", "-1", "nan", "9" * 30)
TEXTS = ("", "a/../b", "x" * 5000, "ünï 中\n%s {0}\x1b[31m")
UNUSABLE = {
    *(
        "none",
        "../x",
        "a b",
        LONG,
        "short-id",
        "odd-id",
        "long-id",
        "number-id",
        "no-id",
        "torn",
        "list",
        "text",
        "binary",
    ),
    *(
        "folder",
        "no url",
        "sqlite://",
        "ftp://x",
        "http://",
        "http://[::1",
        "https://user:word@host",
        "http://example.org",
    ),
}
"""Stacks and URLs that no command can use."""


def wrong_values(action: argparse.Action, page: str) -> tuple[str, ...]:
    """Inputs of the argument's kind, most of which nobody can use.

    Args:
        action: the argument.
        page: URL of a web server that is no ledger.
    """
    if action.dest in ("stack", "name"):
        return STACKS
    if action.metavar == "URL":
        return (*URLS, page)
    if action.type is Path:
        kind = FOLDERS if action.metavar in ("FOLDER", "ZONE", "DIR") else FILES
        return (*kind, *FILES_OF.get(action.dest, ()))
    return NUMBERS if action.type in (int, float) else TEXTS


def with_value(leaf: Leaf, base: Sequence[str], action: argparse.Action, value: str) -> list[str]:
    """The command's arguments with another value of one of them.

    Args:
        leaf: the command.
        base: positional arguments, then options each followed by its value.
        action: the argument.
        value: its value.
    """
    start = next((index for index, word in enumerate(base) if word.startswith("--")), len(base))
    words, options = list(base[:start]), list(base[start:])
    if action.option_strings:
        name = action.option_strings[-1]
        if name in options:
            at = options.index(name)
            del options[at : at + 2]
        return [*words, *options, f"{name}={value}"]
    own = [one for one in leaf.parser._actions if not one.option_strings]
    at = own.index(action)
    words[at : at + 1] = [value]
    return [*options, "--", *words]
