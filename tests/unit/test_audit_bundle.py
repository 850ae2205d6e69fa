"""Bundles as folders and archives: one form for each content, and nothing that a reader must fear."""

import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.soak import is_full, seeded
from zonewright.audit.evidence import archive
from zonewright.audit.evidence.archive import BLOCK, pack, unpack
from zonewright.audit.evidence.bundle import manifest_faults, read_bundle, with_manifest, write_folder
from zonewright.audit.evidence.layout import MANIFEST, object_path
from zonewright.changes.errors import BundleError
from zonewright.model.canonical import digest_of

pytestmark = pytest.mark.slow

FILES = {"plan.json": b"{}\n", "objects/" + digest_of(b"x")[7:]: b"x", "inputs/tenant-a.yaml": b"owner: tenant-a\n"}
NAMES = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,8}(/[a-z0-9][a-z0-9_.-]{0,8}){0,2}", fullmatch=True)


def no_folder_is_a_file(files: dict[str, bytes]) -> bool:
    """Whether no path is the folder of another one."""
    return not any(two.startswith(f"{one}/") for one in files for two in files)


@given(st.dictionaries(NAMES, st.binary(max_size=1500), max_size=6))
def test_an_archive_gives_back_what_was_packed(files: dict[str, bytes]) -> None:
    """Packing and unpacking is the identity, and the order of the files makes no difference."""
    assert unpack(pack(files)) == files
    assert pack(dict(reversed(files.items()))) == pack(files)


def test_a_folder_gives_back_what_was_written(tmp_path: Path) -> None:
    """A bundle written over another one leaves nothing of it behind."""
    write_folder(tmp_path / "b", with_manifest({**FILES, "old/file.json": b"1"}))
    write_folder(tmp_path / "b", with_manifest(FILES))
    assert read_bundle(tmp_path / "b") == with_manifest(FILES)
    assert not (tmp_path / "b" / "old").exists()
    (tmp_path / "b.tar").write_bytes(pack(with_manifest(FILES)))
    assert read_bundle(tmp_path / "b.tar") == with_manifest(FILES)


def test_every_changed_byte_of_an_archive_is_found() -> None:
    """Whatever byte is changed, the archive is refused or its manifest names the file.

    Of a block of nothing but zeros, of which most are, a soak takes each byte, and others the first, last and a third.
    """
    data = pack(with_manifest(FILES))
    chance = seeded("a byte of an archive")
    places: list[int] = []
    for begin in range(0, len(data), BLOCK):
        last = begin + BLOCK - 1
        is_told = is_full() or any(data[begin : last + 1])
        places += range(begin, last + 1) if is_told else (begin, chance.randrange(begin + 1, last), last)
    assert len(places) >= 8 * BLOCK  # a header and a content of each file
    for at in places:
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            found = list(manifest_faults(unpack(changed)))
        except BundleError as error:
            found = [("archive", str(error))]
        assert found, at
    assert list(manifest_faults(unpack(data))) == []
    for short in (data[:-1], data[:-512], data + b"\0" * 512, data + b"x", data[:700], b""):
        with pytest.raises(BundleError):
            list(manifest_faults(unpack(short)))


@pytest.mark.parametrize("at", [BLOCK + 1, 2 * BLOCK - 1, 5_000_000 + 3 * BLOCK, 5_000_000 + 3 * BLOCK + 191])
def test_the_byte_in_which_an_archive_differs_is_named(at: int) -> None:
    """The first byte that nobody writes there is told by its number, near the begin as after megabytes."""
    data = bytearray(pack({"a": b"x", "b": b"y" * 5_000_000}))
    assert data[at] == 0  # padding
    data[at] = 1
    with pytest.raises(BundleError, match=rf"^byte {at:,} of the archive, in the header or padding of "):
        unpack(bytes(data))


def test_the_manifest_names_what_is_wrong() -> None:
    """Altered, missing and added files are named; so is a content under a name that is another one's digest."""
    good = with_manifest(FILES)
    assert dict(manifest_faults({**good, "plan.json": b"{ }\n"})) == {
        "plan.json": "was altered: its digest differs from the one in the manifest"
    }
    assert dict(manifest_faults({**good, "more": b""})) == {"more": "is not in the manifest"}
    assert dict(manifest_faults({key: good[key] for key in good if key != "plan.json"})) == {
        "plan.json": "is missing; the manifest names it"
    }
    moved = with_manifest({object_path(digest_of(b"y")): b"x"})
    assert list(manifest_faults(moved)) == [
        (object_path(digest_of(b"y")), "does not have the digest that its name says")
    ]
    assert [path for path, _ in manifest_faults({"plan.json": b""})] == [MANIFEST]
    spaced = good[MANIFEST].replace(b":", b": ", 1)
    assert dict(manifest_faults({**good, MANIFEST: spaced})) == {MANIFEST: "is not in its canonical form"}


def tar_of(*entries: tarfile.TarInfo) -> bytes:
    """An archive as anybody may make it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as made:
        for entry in entries:
            made.addfile(entry, io.BytesIO(b"\0" * entry.size) if entry.size else None)
    return out.getvalue()


def entry_of(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    """One member of it."""
    entry = tarfile.TarInfo(name)
    entry.type = kind
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([entry_of("../up")], "without '..'"),
        ([entry_of("a/../../up")], "without '..'"),
        ([entry_of("/etc/passwd")], "a bundle has no file '/etc/passwd'"),
        ([entry_of("a//b")], "a bundle has no file"),
        ([entry_of("C:\\x")], "a bundle has no file"),
        ([entry_of("link", tarfile.SYMTYPE, linkname="/etc/passwd")], "no links, folders or devices"),
        ([entry_of("hard", tarfile.LNKTYPE, linkname="plan.json")], "no links, folders or devices"),
        ([entry_of("dir", tarfile.DIRTYPE)], "no links, folders or devices"),
        ([entry_of("null", tarfile.CHRTYPE)], "no links, folders or devices"),
        ([entry_of("a"), entry_of("a")], "the archive has a twice"),
        ([entry_of("b"), entry_of("a")], "differs from what a bundle has there"),
        ([entry_of("a", mode=0o755)], "in the header or padding of a"),
        ([entry_of("a", mtime=1)], "in the header or padding of a"),
        ([entry_of("a", uname="root")], "in the header or padding of a"),
    ],
)
def test_dangerous_archives_are_refused(entries: list[tarfile.TarInfo], sentence: str) -> None:
    """Links, ways out, names twice, another order or another header are refused before anything is written."""
    with pytest.raises(BundleError, match=sentence.replace(".", r"\.")):
        unpack(tar_of(*entries))


def test_sizes_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too large a file, too many files and too much in all are refused, in reading as in writing."""
    good = pack({"a": b"12345", "b": b"12345", "c": b"1"})
    for name, limit in (("MAX_FILE_BYTES", 4), ("MAX_FILES", 2), ("MAX_BYTES", 10)):
        with monkeypatch.context() as patch:
            patch.setattr(archive, name, limit)
            with pytest.raises(BundleError):
                unpack(good)
            with pytest.raises(BundleError):
                pack({"a": b"12345", "b": b"12345", "c": b"1"})


def test_folders_with_links_are_refused(tmp_path: Path) -> None:
    """A link or a pipe in a bundle's folder is refused by name."""
    write_folder(tmp_path / "b", with_manifest(FILES))
    (tmp_path / "b" / "inputs" / "link").symlink_to("/etc/passwd")
    with pytest.raises(BundleError, match="inputs/link is a link"):
        read_bundle(tmp_path / "b")
    (tmp_path / "b" / "inputs" / "link").unlink()
    os.mkfifo(tmp_path / "b" / "pipe")
    with pytest.raises(BundleError, match="pipe is a link or a device"):
        read_bundle(tmp_path / "b")
    (tmp_path / "to-b").symlink_to(tmp_path / "b")
    with pytest.raises(BundleError, match="is neither a folder nor an archive"):
        read_bundle(tmp_path / "to-b")
