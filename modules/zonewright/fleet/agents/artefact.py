"""The agent as it travels: a zipapp, psutil, and the host's own texts, in one archive that is the same everywhere.

Nothing is compressed and every time is zero, so the same sources give the same bytes on any machine. A release is named
by its version and the digest of all that is in it, so two that differ in one setting are two releases.
"""

import hashlib
import io
import marshal
import re
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import MAGIC_NUMBER, cache_from_source, find_spec
from pathlib import Path

from zonewright.errors import Exit, ZonewrightError
from zonewright.fleet.archive import BLOCK, MANIFEST, tar_members

PROGRAM = "agent.pyz"
LIBRARY = "lib"
COMPILED = "COMPILED"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The Python whose byte code can be sent along."""
_UNCHECKED = b"\x01\0\0\0" + bytes(8)
"""In a file of byte code (PEP 552): it is taken as it is, whatever the times of files are."""
_OF_OTHERS = re.compile(r"/_ps(?:aix|bsd|osx|sunos|windows)\.py$")
"""Parts of psutil for other systems, which no host loads."""
_TIME = (1980, 1, 1, 0, 0, 0)
_MAIN = b"""\
import gc

gc.disable()  # nothing that is imported is garbage, and looking for some is a fifth of a start; see ``running``

import os
import sys
from importlib._bootstrap_external import MAGIC_NUMBER

here = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
# After Python's own library, since most of what is imported is found there and each place before it is asked in vain;
# and before what somebody installed besides.
program = sys.path.pop(0)
at = next((number for number, path in enumerate(sys.path) if path.endswith("-packages")), len(sys.path))
lib = os.path.join(here, "lib")
has_lib = os.path.isdir(lib)
compiled = os.path.join(here, "compiled", "%s.zip" % MAGIC_NUMBER.hex())
sys.path[at:at] = [compiled, program, lib] if has_lib else [compiled, program]
if sys.flags.no_site and not has_lib:
    import site

    site.main()  # libraries are the host's own

from zonewright_agent.__main__ import main

code = main()
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)  # nothing is left to do, and taking everything apart is a tenth of a start
"""


class ArtefactError(ZonewrightError, ValueError):
    """There is nothing that could be rolled out; ``str()`` is a sentence."""

    exit_code = Exit.MISUSE


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """What all hosts of one kind get; hashed and packed once for all of them.

    Attributes:
        version: the agent's version.
        files: content by path within the release.
    """

    version: str
    files: Mapping[str, bytes]

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        """Hash by path, in hexadecimal."""
        return _hashes(self.files)

    @cached_property
    def members(self) -> bytes:
        """The files as members of a tar archive, without its end."""
        return tar_members(self.files)

    @cached_property
    def compiled(self) -> Mapping[str, bytes]:
        """The same modules as byte code of this program's Python, by path; see ``compile_files``."""
        return compile_files(self.files)

    def shared(self, python_version: str) -> "Shared":
        """What hosts with this Python have in common."""
        return self._plain if python_version != PYTHON else self._faster

    @cached_property
    def _plain(self) -> "Shared":
        return Shared(members=self.members, compiled="")

    @cached_property
    def _faster(self) -> "Shared":
        compiled = _list_of(_hashes(self.compiled))
        members = tar_members({**self.files, **self.compiled, COMPILED: compiled.encode()})
        return Shared(members=members, compiled=compiled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The part of an archive that many hosts have in common.

    Attributes:
        members: of a tar archive, without its end.
        compiled: hash and path of each file of byte code, as ``sha256sum`` writes them; empty without any.
    """

    members: bytes
    compiled: str


@dataclass(frozen=True, kw_only=True)
class Release:
    """What one host gets.

    Attributes:
        id: version and digest; the name of its folder.
        artefact: what it has in common with other hosts.
        texts: the host's own files, by path within the release.
        manifest: path and hash of each file, as ``sha256sum`` writes them.
    """

    id: str
    artefact: Artefact
    texts: Mapping[str, str]
    manifest: str

    @property
    def size(self) -> int:
        """Bytes of the files, about."""
        return len(self.artefact.members) + sum(len(text) for text in self.texts.values())

    def archive(self, python_version: str) -> bytes:
        """All of it as a tar archive, for a host with this Python; not kept, since it is large and of one host."""
        own = {path: text.encode() for path, text in {**self.texts, MANIFEST: self.manifest}.items()}
        return self.artefact.shared(python_version).members + tar_members(own) + bytes(2 * BLOCK)

    def lists(self, python_version: str) -> str:
        """Hashes of the lists of hashes in the archive, as ``sha256sum`` writes them."""
        texts = {MANIFEST: self.manifest, COMPILED: self.artefact.shared(python_version).compiled}
        return _list_of(_hashes({path: text.encode() for path, text in texts.items() if text}))


def agent_sources() -> dict[str, bytes]:
    """The agent's own modules, by path.

    Raises:
        ArtefactError: when they are not installed.
    """
    spec = find_spec("zonewright_agent")
    if spec is None or not spec.submodule_search_locations:
        raise ArtefactError("the agent's package zonewright_agent is not installed; install zonewright again")
    folder = Path(spec.submodule_search_locations[0])
    return {f"zonewright_agent/{path.relative_to(folder)}": path.read_bytes() for path in sorted(folder.rglob("*.py"))}


def make_zipapp(
    sources: Mapping[str, bytes], *, package: str = "zonewright_agent", has_own_libraries: bool = True
) -> bytes:
    """The agent as one file that Python runs; the same bytes for the same sources.

    Args:
        sources: its modules by path.
        package: which of them is started.
        has_own_libraries: whether all libraries come along where some do; else those of the host are used too.
    """
    main = _MAIN.replace(b"from zonewright_agent.", f"from {package}.".encode())
    if not has_own_libraries:
        main = main.replace(b"no_site and not has_lib:", b"no_site:")
    return _zip({**sources, "__main__.py": main})


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(path, _TIME)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def compile_files(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Byte code beside the sources, so that hosts with this program's Python need not compile them at every start.

    It does not count for the name of a release: what is made from the same sources is the same release, and a host
    with another Python gets the sources alone. The agent's is named by the number that Python's byte code begins with,
    so that a Python that was upgraded since does not find it, and takes the sources.
    """
    found: dict[str, bytes] = {}
    for path, content in files.items():
        if path == PROGRAM:
            with zipfile.ZipFile(io.BytesIO(content)) as program:
                names = [name for name in program.namelist() if name.startswith("zonewright_agent/")]
                modules = {f"{name}c": _byte_code(name, program.read(name)) for name in names}
            if all(modules.values()):
                found[f"compiled/{MAGIC_NUMBER.hex()}.zip"] = _zip(modules)
        elif path.endswith(".py") and not _OF_OTHERS.search(path):
            found[cache_from_source(path, optimization="")] = _byte_code(path, content)
    return {path: content for path, content in found.items() if content}


def _byte_code(path: str, source: bytes) -> bytes:
    """The byte code; nothing where there is none, and the host's own Python says what is wrong."""
    try:
        code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    except SyntaxError:
        return b""
    return MAGIC_NUMBER + _UNCHECKED + marshal.dumps(code)


def make_artefact(sources: Mapping[str, bytes], library: Mapping[str, bytes]) -> Artefact:
    """The agent and its library.

    Args:
        sources: the agent's modules by path.
        library: psutil's files by path; empty where the host has its own.

    Raises:
        ArtefactError: when the sources do not say their version.
    """
    init = sources.get("zonewright_agent/__init__.py", b"")
    match = re.search(rb'^__version__ = "([0-9A-Za-z.+-]+)"$', init, re.MULTILINE)
    if match is None:
        raise ArtefactError("the agent's sources do not say their version")
    files = {PROGRAM: make_zipapp(sources), **{f"{LIBRARY}/{path}": content for path, content in library.items()}}
    return Artefact(version=match[1].decode(), files=files)


def read_wheels(folder: Path) -> dict[str, dict[str, bytes]]:
    """Psutil's files by architecture, from the wheels of a folder, and with each those of nvidia-ml-py if it is there.

    Raises:
        ArtefactError: when there is none, or one of nvidia-ml-py is damaged.
    """
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(folder.glob("psutil-*.whl")):
        match = re.search(
            r"-(?:many|musl)linux[0-9_a-z.]*?_(x86_64|aarch64|armv7l|i686|ppc64le|s390x)\.whl$", path.name
        )
        kind = "musl" if "musllinux" in path.name else "glibc"
        if match is not None:
            with zipfile.ZipFile(path) as wheel:
                names = [name for name in wheel.namelist() if re.fullmatch(r"psutil/[^/]+\.(py|so)", name)]
                found[f"{match[1]}-{kind}"] = {name: wheel.read(name) for name in sorted(names)}
    if not found:
        raise ArtefactError(
            f"{folder} holds no wheel of psutil for Linux; fetch one with: pip download psutil -d {folder}"
        )
    for path in sorted(folder.glob("nvidia_ml_py-*-none-any.whl"), key=_numbers)[-1:]:
        try:
            with zipfile.ZipFile(path) as wheel:
                boards = {"pynvml.py": wheel.read("pynvml.py")}
        except (KeyError, zipfile.BadZipFile):
            raise ArtefactError(
                f"{path} is no whole wheel of nvidia-ml-py; fetch one: pip download nvidia-ml-py --no-deps -d {folder}"
            ) from None
        found = {kind: {**files, **boards} for kind, files in found.items()}
    return found


def _numbers(wheel: Path) -> list[int]:
    """The version in a wheel's name, so that 13 comes after 9."""
    return [int(one) for one in re.findall(r"\d+", wheel.name.split("-")[1])]


def make_release(artefact: Artefact, texts: Mapping[str, str]) -> Release:
    """What one host gets: the artefact and its own texts, named by all of it."""
    hashes = {**artefact.hashes, **_hashes({path: text.encode() for path, text in texts.items()})}
    manifest = _list_of(hashes)
    digest = hashlib.sha256(manifest.encode()).hexdigest()
    return Release(id=f"{artefact.version}-{digest[:12]}", artefact=artefact, texts=dict(texts), manifest=manifest)


def _list_of(hashes: Mapping[str, str]) -> str:
    """As ``sha256sum`` writes it."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(hashes.items()))


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
