"""Make a release: wheel and sdist, built twice and compared, with a bill of materials and a signed attestation.

    python -m tools.release --key KEY [--output DIST]                 a release of the commit that is checked out
    python -m tools.release --rehearsal [--output DIST]               all steps, with a key that is made and forgotten
    python -m tools.release --verify DIST --public KEY.pub            are these the files that were attested?

Everything is made from what git has of the commit, so a change that is not committed is in no release. Nothing is
uploaded. docs/how-to/cut-a-release.md says what comes before and after.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tools.locked import write_constraints

from zonewright.audit.evidence.keys import FileKey, load_key_here
from zonewright.errors import sentences_of
from zonewright.model.canonical import canonical_json
from zonewright.seal import SealError
from zonewright.seal.dsse import payload_of, read_envelope, sign
from zonewright.seal.keys import SigningKey, key_id

ROOT = Path(__file__).resolve().parents[1]
NO_HOME = "zonewright.example"
LOCK = ROOT / "packaging" / "requirements-release.lock"
EXTRAS = "stack,postgresql,audit,fleet,gateway,netbox,network,policy"
BOM, ATTESTATION = ".cdx.json", ".intoto.json"
STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"


class ReleaseError(ValueError):
    """A release cannot be made, or its files are not those that were attested; each argument is a sentence."""


def run(*command: str | Path, folder: Path = ROOT, epoch: str = "") -> str:
    """Run a step, and give what it prints; its failure ends all."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHASHSEED")}
    environment = {**kept, "SOURCE_DATE_EPOCH": epoch} if epoch else kept
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stderr or done.stdout).strip()[-2000:]
        raise ReleaseError(f"{' '.join(map(str, command[:4]))} ... ended with {done.returncode}: {told}")
    return done.stdout.strip()


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def faults_of(tree: Path) -> list[str]:
    """What stands between a tree and a release."""
    version = version_of(tree)
    project = (tree / "pyproject.toml").read_text(encoding="utf-8")
    waiting = sorted(path.name for path in (tree / "changelog.d").glob("*.*.md"))
    found = []
    if NO_HOME in project:
        found.append(
            f"pyproject.toml: the addresses of the project are on {NO_HOME}, expected its public home; write it there"
        )
    if not re.search(
        rf"^## \[?{re.escape(version)}\b", (tree / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    ):
        found.append(f"CHANGELOG.md has no section for {version}; run make changelog VERSION={version}, and commit")
    if waiting:
        found.append(f"changelog.d has {len(waiting)} fragments that no release has, such as {waiting[0]}")
    return found


def version_of(tree: Path) -> str:
    """The version that a tree declares."""
    text = (tree / "modules" / "zonewright" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise ReleaseError("modules/zonewright/__init__.py: __version__ is missing")
    return found[1]


def checked_out(folder: Path) -> tuple[Path, str, str]:
    """What git has of the commit, in a folder of its own, with the commit and its time in seconds.

    Raises:
        ReleaseError: when something is not committed.
    """
    if changed := run("git", "status", "--porcelain"):
        raise ReleaseError(f"{len(changed.splitlines())} files are not committed, such as {changed.split()[1]}")
    commit, epoch = run("git", "log", "-1", "--format=%H %ct").split()
    archive, tree = folder / "tree.tar", folder / "tree"
    run("git", "archive", "--output", archive, commit)
    shutil.unpack_archive(archive, tree, filter="data")
    return tree, commit, epoch


def built(tree: Path, output: Path, epoch: str) -> tuple[Path, Path]:
    """Wheel and sdist of a tree; the sdist must give the same wheel, byte for byte.

    Raises:
        ReleaseError: when it does not.
    """
    run(sys.executable, "-m", "hatchling", "build", "-d", output, folder=tree, epoch=epoch)
    (wheel,), (sdist,) = output.glob("*.whl"), output.glob("*.tar.gz")
    again = tree.parent / "again"
    shutil.unpack_archive(sdist, again, filter="data")
    (unpacked,) = again.iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", again / "dist", folder=unpacked, epoch=epoch)
    (second,) = (again / "dist").glob("*.whl")
    if digest(second) != digest(wheel):
        raise ReleaseError(f"{wheel.name} is not reproducible: from the sdist it has other bytes")
    return wheel, sdist


def tools(folder: Path) -> Path:
    """The programs of an environment with the locked tools of a release."""
    run(sys.executable, "-m", "venv", folder)
    pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--require-hashes", "-r", LOCK)
    return folder / "bin"


def bill_of_materials(wheel: Path, programs: Path, folder: Path, tree: Path) -> Path:
    """What is installed with a wheel and all its extras, in the versions that were tested, as CycloneDX beside it."""
    run(sys.executable, "-m", "venv", folder)
    tested = write_constraints(tree / "requirements-dev.lock", folder / "tested.txt")
    pip = (folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--constraint", tested, f"{wheel}[{EXTRAS}]")
    run(*pip, "uninstall", "--quiet", "--yes", "setuptools", "pip")  # of the environment, and not of the wheel
    bom = wheel.with_name(wheel.name.partition("-py3")[0] + BOM)
    made = (programs / "cyclonedx-py", "environment", folder / "bin" / "python")
    run(*made, "--pyproject", tree / "pyproject.toml", "--mc-type", "application", "--output-reproducible", "-o", bom)
    document = json.loads(bom.read_text(encoding="utf-8"))
    subject, version = document["metadata"]["component"], version_of(tree)
    subject |= {"version": version, "purl": f"pkg:pypi/zonewright@{version}"}
    subject["hashes"] = [{"alg": "SHA-256", "content": digest(wheel)}]
    bom.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return bom


def attested(files: list[Path], key: SigningKey, *, commit: str, epoch: str) -> str:
    """A DSSE envelope over an in-toto statement that names each file by its digest, and what it was made from."""
    made_from = {"name": "zonewright", "digest": {"gitCommit": commit}}
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": path.name, "digest": {"sha256": digest(path)}} for path in sorted(files)],
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:zonewright:release:1",
                "externalParameters": {"sourceDateEpoch": epoch},
                "resolvedDependencies": [made_from],
            },
            "runDetails": {"builder": {"id": f"urn:zonewright:key:{key_id(key.public)}"}},
        },
    }
    return sign(canonical_json(statement), key).text()


def verified(folder: Path, public: str) -> list[str]:
    """The names of the files of a folder that an attestation there vouches for; every other file is a fault.

    Raises:
        ReleaseError: when a file differs, is missing, or is not attested.
        SealError: when the attestation is not signed by the key.
    """
    envelopes = list(folder.glob(f"*{ATTESTATION}"))
    if len(envelopes) != 1:
        raise ReleaseError(f"{folder}: expected one attestation (*{ATTESTATION}), got {len(envelopes)}")
    envelope = envelopes[0]
    payload, _ = payload_of(read_envelope(envelope.read_text(encoding="utf-8")), {key_id(public): public})
    named = {one["name"]: one["digest"]["sha256"] for one in json.loads(payload)["subject"]}
    there = {path.name: digest(path) for path in folder.iterdir() if path != envelope}
    faults = [f"{name} is missing" for name in named.keys() - there.keys()]
    faults += [f"{name} is not attested" for name in there.keys() - named.keys()]
    faults += [
        f"{name} has other bytes than were attested" for name in named if there.get(name) not in (None, named[name])
    ]
    if faults:
        raise ReleaseError(*(f"{folder}: {fault}" for fault in sorted(faults)))
    return sorted(named)


def release(output: Path, key: SigningKey, *, rehearsal: bool) -> list[str]:
    """Make all files of a release; gives their names.

    Raises:
        ReleaseError: when something stands between the commit and a release.
    """
    with tempfile.TemporaryDirectory(prefix="zonewright-release-") as temporary:
        folder = Path(temporary)
        tree, commit, epoch = checked_out(folder)
        if faults := faults_of(tree):
            if not rehearsal:
                raise ReleaseError(*faults)
            for fault in faults:
                print(f"a release would be refused: {fault}", flush=True)
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        print(f"building from commit {commit[:12]}, twice", flush=True)
        wheel, sdist = built(tree, output, epoch)
        programs = tools(folder / "tools")
        run(programs / "twine", "check", "--strict", wheel, sdist)
        run(programs / "hadolint", tree / "packaging" / "Containerfile")
        print("installing the wheel with its extras, for the bill of materials", flush=True)
        bom = bill_of_materials(wheel, programs, folder / "installed", tree)
        attestation = bom.with_name(bom.name.removesuffix(BOM) + ATTESTATION)
        attestation.write_text(attested([wheel, sdist, bom], key, commit=commit, epoch=epoch), encoding="utf-8")
    return verified(output, key.public)


def main() -> int:
    """Make a release, or verify one; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    doing = parser.add_mutually_exclusive_group(required=True)
    doing.add_argument("--key", type=Path, help="the private key, or the public one of a key that ssh-agent holds")
    doing.add_argument("--rehearsal", action="store_true", help="with a key that is made and forgotten")
    doing.add_argument("--verify", type=Path, metavar="DIST", help="verify the files of a release")
    parser.add_argument("--public", type=Path, metavar="KEY.pub", help="with --verify: the key that must have signed")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="made anew (default: dist)")
    given = parser.parse_args()
    try:
        if given.verify:
            if given.public is None:
                parser.error("--verify needs --public KEY.pub")
            for name in verified(given.verify, given.public.read_text(encoding="utf-8").strip()):
                print(f"good: {name}")
            return 0
        key = load_key_here(given.key) if given.key else FileKey(Ed25519PrivateKey.generate())
        for name in release(given.output, key, rehearsal=given.rehearsal):
            print(f"{digest(given.output / name)}  {name}")
    except (ReleaseError, SealError, OSError) as error:
        told = error.args if isinstance(error, ReleaseError) else sentences_of(error)
        sys.exit("\n".join(f"error: {sentence}" for sentence in told))
    print(f"signed by {key.public}" + (", a key that is forgotten: publish nothing of this" if given.rehearsal else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
