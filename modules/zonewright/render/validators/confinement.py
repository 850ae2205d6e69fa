"""Where validators run: no network, no environment, a root that is read-only, no home, and so much of the machine.

Bubblewrap makes the place where it is installed, else ``unshare`` and ``mount`` do. Where neither may, nothing is run.
A program sees ``/usr``, a few files of ``/etc``, itself, and the files that it judges.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypedDict

FILES = "/zonewright-files"
"""Where the files that are judged are, for the program."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "HOME": "/tmp", "LC_ALL": "C"}  # noqa: S108 - a file system of its own
MEMORY_BYTES = 2 * 1024**3
"""Address space of each process; those in Go reserve more than one GB."""
CPU_S = 30
PROCESSES = 128
FILE_BYTES = 32 * 1024**2
OPEN_FILES = 256
_SCRATCH_BYTES = 64 * 1024**2
_NOBODY = 65534
_CAPABILITIES = ("NET_ADMIN", "SYS_CHROOT")
"""What a program with a network of its own may do in it; named-checkconf changes its root."""
_TOP = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = ("alternatives", "frr", "group", "ld.so.cache", "localtime", "nsswitch.conf", "passwd", "protocols", "services")
_DEVICES = ("/dev/null", "/dev/urandom")
_EMPTY = ("/tmp", "/run", "/var")  # noqa: S108 - inside
_PROBE_S = 10.0
_OF_SIGNALS, _MOST_SIGNALS = 128, 64
_REFUSALS = ("bwrap: ", "unshare: ", "mount: ", "pivot_root: ", "setpriv: ", "prlimit: ", "sh: ", "umount: ")


@dataclass(frozen=True, slots=True)
class Confinement:
    """How a place is made on this machine, or why there is none.

    Attributes:
        tool: ``bwrap`` or ``unshare``; empty where neither works.
        reason: why neither works.
    """

    tool: str
    reason: str = ""


@cache
def place() -> Confinement:
    """What works on this machine; tried once."""
    reasons = []
    for tool in ("bwrap", "unshare"):
        reason = _probe(tool)
        if not reason:
            return Confinement(tool)
        reasons.append(f"{tool}: {reason}")
    return Confinement("", "; ".join(reasons))


def is_refusal(code: int, output: str) -> bool:
    """Whether a call ended because the place could not be made, and not by the program in it."""
    return code != 0 and output.startswith(_REFUSALS)


def ended_by(code: int) -> int:
    """The signal that ended a program, of the exit code that its place gives; 0 where none did."""
    return -code if code < 0 else max(0, code - _OF_SIGNALS) if code <= _OF_SIGNALS + _MOST_SIGNALS else 0


class Account(TypedDict, total=False):
    """Arguments of ``Popen``: whose rights a program has."""

    user: int
    group: int
    extra_groups: list[int]


def account(paths: Sequence[Path]) -> Account:
    """Whose rights a program has: root gives its own away, unless only root reaches what must be read.

    Root's processes are not counted by the kernel's limit, and root reads what nobody else may.

    Args:
        paths: what must be read.
    """
    if os.geteuid() != 0 or not all(_is_open_to_all(path) for path in paths):
        return {}
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}


@contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """A folder for a while, with the folders that :func:`confined` asks for."""
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        for part in ("files", "new"):
            (Path(name) / part).mkdir()
        yield Path(name)


def write(root: Path, files: Mapping[str, str], account: Account) -> None:
    """Files by path below a folder, which all belong to an account."""
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=0o600)  # netplan warns of files that others can read
        target.write_text(text, encoding="utf-8", newline="\n")
    if account:
        for one in (root.parent, *root.parent.rglob("*")):
            os.chown(one, account["user"], account["group"])


def confined(
    call: Sequence[str],
    folder: Path,
    *,
    tool: str,
    visible: Sequence[Path] = (),
    needs_network: bool = False,
    is_fixed: bool = False,
) -> list[str]:
    """The command that runs a program in a place of its own.

    Args:
        call: the program, by its absolute path, and its arguments.
        folder: has the folders ``files``, which becomes :data:`FILES`, and ``new``, which is empty.
        tool: what makes the place, of :func:`place`.
        visible: further files and folders that the program reads, by absolute path.
        needs_network: whether it may do anything to the empty network of its own.
        is_fixed: whether it may not write beside the files; they are on the host's disk.
    """
    limits = {"as": MEMORY_BYTES, "cpu": CPU_S, "nproc": PROCESSES, "fsize": FILE_BYTES, "nofile": OPEN_FILES}
    bounded = ["/usr/bin/prlimit", *(f"--{name}={most}" for name, most in limits.items()), "--core=0", "--", *call]
    shown = [str(path) for path in visible if path.exists() and not _is_below(path, _TOP)]
    if tool == "bwrap":
        return [*_bwrap(folder, shown, needs_network=needs_network, is_fixed=is_fixed), *bounded]
    return [*_unshare(folder, shown, needs_network=needs_network, is_fixed=is_fixed), *bounded]


def _bwrap(folder: Path, shown: Sequence[str], *, needs_network: bool, is_fixed: bool) -> list[str]:
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    for name, value in ENVIRONMENT.items():
        command += ["--setenv", name, value]
    for one in _TOP:
        path = Path(one)
        if path.is_symlink():
            command += ["--symlink", str(path.readlink()), one]
        elif path.is_dir():
            command += ["--ro-bind", one, one]
    command += [word for one in _EMPTY for word in ("--size", str(_SCRATCH_BYTES), "--tmpfs", one)]
    command += [word for name in _ETC for word in ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")]
    command += [word for one in _DEVICES for word in ("--dev-bind", one, one)]
    command += [word for one in shown for word in ("--ro-bind", one, one)]
    command += ["--ro-bind" if is_fixed else "--bind", str(folder / "files"), FILES]
    command += ["--remount-ro", "/", "--chdir", "/"]
    if needs_network:
        command += ["--uid", "0", "--gid", "0"]
        command += [word for name in _CAPABILITIES for word in ("--cap-add", f"CAP_{name}")]
    return [*command, "--"]


def _unshare(folder: Path, shown: Sequence[str], *, needs_network: bool, is_fixed: bool) -> list[str]:
    kept = "".join(f",+{name.lower()}" for name in _CAPABILITIES) if needs_network else ""
    etc = [path for path in (f"/etc/{name}" for name in _ETC) if os.access(path, os.R_OK)]
    top = [Path(one) for one in _TOP]
    empty = " ".join(f'"$new{one}"' for one in _EMPTY)
    lines = [
        "set -e",
        "new=$1 files=$2",
        f'mount -t tmpfs -o nosuid,nodev,mode=755,size={_SCRATCH_BYTES} zonewright "$new"',
        f'mkdir "$new/etc" "$new/dev" "$new/old" "$new{FILES}" {empty}',
        *(f'ln -s "{one.readlink()}" "$new{one}"' for one in top if one.is_symlink()),
        *(f'mkdir "$new{one}"; mount -o bind,ro "{one}" "$new{one}"' for one in top if _is_folder(one)),
        f'cp -RP {" ".join(etc)} "$new/etc/" 2> /dev/null || true',
        *(f': > "$new{one}"; mount --bind "{one}" "$new{one}"' for one in _DEVICES),
        "shift 2",
        f"for one in {' '.join(_EMPTY)}; do",
        f'  mount -t tmpfs -o nosuid,nodev,size={_SCRATCH_BYTES} zonewright "$new$one"',
        "done",
        'while [ "$1" != -- ]; do',
        '  if [ -d "$1" ]; then mkdir -p "$new$1"; else mkdir -p "$new${1%/*}"; : > "$new$1"; fi',
        '  mount -o bind,ro "$1" "$new$1"; shift',
        "done; shift",
        f'mount {"-o bind,ro" if is_fixed else "--bind"} "$files" "$new{FILES}"',
        'ln -s old/proc "$new/proc"',  # mount and umount ask there; it goes with the old root
        'cd "$new"; pivot_root . old; cd /; mount -o remount,bind,ro /; umount -l /old',
        # The shell stays the first process: signals that the first one sends itself are ignored, also those of a crash.
        "set +e",
        f'setpriv --bounding-set=-all{kept} --inh-caps=-all --no-new-privs "$@"',
        "exit $?",
    ]
    spaces = ["--user", "--map-root-user", "--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
    places = [str(folder / "new"), str(folder / "files"), *shown]
    return ["unshare", *spaces, "--", "/bin/sh", "-c", "\n".join(lines), "sh", *places, "--"]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_below(path: Path, tops: Sequence[str]) -> bool:
    return any(str(path).startswith(f"{one}/") for one in tops)


def _is_open_to_all(path: Path) -> bool:
    """Whether a user without rights reaches a path and what is in it."""
    try:
        real = path.resolve(strict=True)
        return all(one.stat().st_mode & 0o001 for one in real.parents) and bool(real.stat().st_mode & 0o004)
    except OSError:
        return False


def _probe(tool: str) -> str:
    """Why a tool makes no place on this machine; empty where it does."""
    with folder("zonewright-probe-") as made:
        as_whom = account([made.parent])
        write(made / "files", {}, as_whom)
        try:
            done = subprocess.run(  # noqa: S603 - a fixed command
                confined(["/usr/bin/true"], made, tool=tool),
                env=ENVIRONMENT,
                capture_output=True,
                text=True,
                timeout=_PROBE_S,
                check=False,
                **as_whom,
            )
        except FileNotFoundError:
            return "not installed"
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    said = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (said[0] if said else f"ended with {done.returncode}")
