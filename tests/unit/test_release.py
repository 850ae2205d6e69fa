"""A release can be verified by others, and what is not what was attested is named."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope as OtherEnvelope
from securesystemslib.signer._key import SSlibKey
from tools import release

from zonewright.audit.evidence.keys import FileKey
from zonewright.seal import SealError
from zonewright.seal.keys import key_id

KEY = FileKey(Ed25519PrivateKey.from_private_bytes(b"r" * 32))


@pytest.fixture(name="dist")
def _dist(tmp_path: Path) -> Path:
    files = [tmp_path / name for name in ("zonewright-1.whl", "zonewright-1.tar.gz", "zonewright-1.cdx.json")]
    for path in files:
        path.write_text(path.name, encoding="utf-8")
    (tmp_path / "zonewright-1.intoto.json").write_text(
        release.attested(files, KEY, commit="c" * 40, epoch="1"), "utf-8"
    )
    return tmp_path


def test_another_implementation_accepts_the_attestation(dist: Path) -> None:
    """Securesystemslib verifies the envelope, and the statement in it names commit and digests as in-toto has them."""
    envelope = OtherEnvelope.from_dict(json.loads((dist / "zonewright-1.intoto.json").read_text(encoding="utf-8")))
    keyid = key_id(KEY.public)
    envelope.verify([SSlibKey.from_crypto(KEY.private.public_key(), keyid)], 1)
    statement = json.loads(envelope.payload)
    assert (statement["_type"], statement["predicateType"]) == (release.STATEMENT, release.PROVENANCE)
    assert {one["name"]: one["digest"]["sha256"] for one in statement["subject"]} == {
        path.name: release.digest(path) for path in dist.iterdir() if not path.name.endswith(".intoto.json")
    }


def test_what_is_not_what_was_attested_is_named(dist: Path) -> None:
    """Files with other bytes, missing ones and ones that nobody attested are told together; another key is refused."""
    assert len(release.verified(dist, KEY.public)) == 3
    with pytest.raises(SealError):
        release.verified(dist, FileKey(Ed25519PrivateKey.from_private_bytes(b"o" * 32)).public)
    (dist / "zonewright-1.whl").write_text("other", encoding="utf-8")
    (dist / "zonewright-1.tar.gz").rename(dist / "more.tar.gz")
    with pytest.raises(release.ReleaseError) as told:
        release.verified(dist, KEY.public)
    assert [sentence.partition(": ")[2] for sentence in told.value.args] == [
        "more.tar.gz is not attested",
        "zonewright-1.tar.gz is missing",
        "zonewright-1.whl has other bytes than were attested",
    ]


def test_what_stands_between_a_tree_and_a_release_is_told_together(tmp_path: Path) -> None:
    """The reserved name in the addresses, a version without its section and fragments that wait are three sentences."""
    module = tmp_path / "modules" / "zonewright"
    for folder in (module, tmp_path / "changelog.d"):
        folder.mkdir(parents=True)
    (module / "__init__.py").write_text('__version__ = "0.2.0"\n', encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text('Homepage = "https://zonewright.example"\n', encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text("## 0.1.0\n", encoding="utf-8")
    (tmp_path / "changelog.d" / "one.added.md").write_text("One.\n", encoding="utf-8")
    assert len(release.faults_of(tmp_path)) == 3
    (tmp_path / "pyproject.toml").write_text('Homepage = "https://example.com"\n', encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text("## 0.2.0 - 2026-12-01\n", encoding="utf-8")
    (tmp_path / "changelog.d" / "one.added.md").unlink()
    assert release.faults_of(tmp_path) == []
