"""Keys of every kind that people have sign the same way, and OpenSSH itself agrees on their names."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from support.parts import keygen, require
from zonewright.audit.evidence.keys import load_key
from zonewright.seal import SealError
from zonewright.seal.keys import key_id, verifies

MESSAGE = b"DSSEv1 0  0 "


def need(program: str) -> str:
    """A program of OpenSSH."""
    return require(program, "openssh-client", "signing with keys of OpenSSH")


@pytest.fixture(name="ssh_key")
def _ssh_key(tmp_path: Path) -> Path:
    """A key as `ssh-keygen` makes it."""
    path = tmp_path / "id"
    command = [keygen(), "-q", "-t", "ed25519", "-N", "", "-C", "somebody", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture(name="agent")
def _agent(tmp_path: Path) -> Iterator[str]:
    """A running ssh-agent."""
    address = str(tmp_path / "agent")
    with subprocess.Popen([need("ssh-agent"), "-D", "-a", address], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield address
        process.terminate()


def test_a_pem_key_and_an_encrypted_one_sign(tmp_path: Path) -> None:
    """PKCS #8 in PEM works, with a passphrase too; a wrong or missing passphrase is one sentence."""
    private, path = Ed25519PrivateKey.generate(), tmp_path / "key.pem"
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_key(path)
    assert verifies(key.public, key.sign(MESSAGE), MESSAGE)
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open")))
    assert load_key(path, passphrase="open").public == key.public
    for wrong in (None, "shut"):
        with pytest.raises(SealError, match="cannot be opened as a private key"):
            load_key(path, passphrase=wrong)


def test_a_key_of_openssh_signs_and_has_its_fingerprint(ssh_key: Path) -> None:
    """A key file of ssh-keygen signs, and its fingerprint is the one that `ssh-keygen -l` prints."""
    key = load_key(ssh_key)
    assert verifies(key.public, key.sign(MESSAGE), MESSAGE)
    assert not verifies(key.public, key.sign(MESSAGE), MESSAGE + b"x")
    assert ssh_key.with_suffix(".pub").read_text().startswith(f"{key.public} ")
    listed = subprocess.run([keygen(), "-l", "-f", str(ssh_key)], capture_output=True, text=True, check=True)
    assert listed.stdout.split()[1] == key_id(key.public)


def test_an_agent_signs_with_a_key_that_it_holds(ssh_key: Path, agent: str) -> None:
    """A .pub file signs through the ssh-agent, with the very signature of the file; without the key it says so."""
    public = ssh_key.with_suffix(".pub")
    with pytest.raises(SealError, match="add it with: ssh-add"):
        load_key(public, agent=agent).sign(MESSAGE)
    variables = {**os.environ, "SSH_AUTH_SOCK": agent}
    subprocess.run([need("ssh-add"), "-q", str(ssh_key)], env=variables, check=True)
    key = load_key(public, agent=agent)
    assert key.sign(MESSAGE) == load_key(ssh_key).sign(MESSAGE)
    with pytest.raises(SealError, match="no ssh-agent runs"):
        load_key(public)


def test_other_keys_are_refused(tmp_path: Path) -> None:
    """An RSA key, an agent that is not there and a file that is no key are refused with a sentence."""
    path = tmp_path / "key"
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(SealError, match="is not an Ed25519 key"):
        load_key(path)
    path.write_text("nothing", encoding="utf-8")
    with pytest.raises(SealError, match="cannot be opened"):
        load_key(path)
    path.write_text("ssh-rsa AAAAB3NzaC1yc2E= me", encoding="utf-8")
    with pytest.raises(SealError, match="expected a public key"):
        load_key(path, agent="nowhere")
