"""Keys that sign: a PEM or OpenSSH file, or a key that the running ssh-agent holds."""

import os
import socket
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_ssh_private_key,
)

from zonewright.seal import SealError
from zonewright.seal.keys import SigningKey, ed25519_key, key_blob, one_line

PASSPHRASE_VARIABLE = "ZONEWRIGHT_KEY_PASSPHRASE"  # noqa: S105 - a variable's name
AGENT_VARIABLE = "SSH_AUTH_SOCK"
_SIGN_REQUEST, _SIGN_RESPONSE = 13, 14
_MAX_KEY_BYTES = 100_000
_AGENT_S = 60.0


@dataclass(frozen=True, slots=True)
class FileKey:
    """An Ed25519 key in memory."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> str:
        """The public key in OpenSSH's form."""
        return one_line(self.private.public_key())

    def sign(self, message: bytes) -> bytes:
        """The signature of a message."""
        return self.private.sign(message)


@dataclass(frozen=True, slots=True)
class SshAgentKey:
    """A key that never leaves its ssh-agent."""

    public: str
    address: str

    def sign(self, message: bytes) -> bytes:
        """Ask the agent to sign.

        Raises:
            SealError: when the agent is not there, or does not have the key.
        """
        blob = _wrapped(key_blob(self.public)) + _wrapped(message) + (0).to_bytes(4, "big")
        try:
            with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
                connection.settimeout(_AGENT_S)
                connection.connect(self.address)
                connection.sendall(_wrapped(bytes([_SIGN_REQUEST]) + blob))
                answer = _read(connection, int.from_bytes(_read(connection, 4), "big"))
        except OSError as error:
            raise SealError(f"the ssh-agent at {self.address} cannot be asked: {error}") from None
        if not answer or answer[0] != _SIGN_RESPONSE:
            raise SealError("the ssh-agent cannot sign with this key; add it with: ssh-add FILE")
        signature = _parts(answer[1:])[0]
        return _parts(signature)[1]


def _wrapped(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _parts(data: bytes) -> list[bytes]:
    parts = []
    while data:
        size = int.from_bytes(data[:4], "big")
        parts.append(data[4 : 4 + size])
        data = data[4 + size :]
    return parts


def _read(connection: socket.socket, size: int) -> bytes:
    if size > _MAX_KEY_BYTES:
        raise OSError("its answer is too long")
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise OSError("it closed the connection")
        data += more
    return data


def load_key(path: Path, *, passphrase: str | None = None, agent: str | None = None) -> SigningKey:
    """A signing key from a file.

    Args:
        path: a private key (PEM or OpenSSH), or the ``.pub`` file of a key that the ssh-agent holds.
        passphrase: opens an encrypted key.
        agent: address of the ssh-agent.

    Raises:
        SealError: when it is no Ed25519 key, or cannot be opened.
        OSError: when the file cannot be read.
    """
    data = path.read_bytes()[:_MAX_KEY_BYTES]
    if data.startswith(b"ssh-"):
        public = " ".join(data.decode("utf-8", "replace").split()[:2])
        ed25519_key(public)
        if not agent:
            raise SealError(f"{path} is a public key, and no ssh-agent runs ({AGENT_VARIABLE} is not set)")
        return SshAgentKey(public, agent)
    secret = passphrase.encode() if passphrase else None
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        key = load(data, password=secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        needs = f"an encrypted one needs {PASSPHRASE_VARIABLE}"
        raise SealError(f"{path} cannot be opened as a private key (PEM or OpenSSH; {needs})") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SealError(f"{path} is not an Ed25519 key; make one with: ssh-keygen -t ed25519")
    return FileKey(key)


def load_key_here(path: Path) -> SigningKey:
    """A signing key from a file, with passphrase and ssh-agent of the environment."""
    return load_key(path, passphrase=os.environ.get(PASSPHRASE_VARIABLE), agent=os.environ.get(AGENT_VARIABLE))
