"""What a host certificate says, and what is wrong with it, whatever an authority or a stranger wrote into it."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
)

from zonewright.fleet.ssh.public_keys import PublicKey, is_certificate, read_certificate
from zonewright.seal.errors import SealError
from zonewright.seal.keys import ed25519_key, key_id, one_line

HOST = Ed25519PrivateKey.from_private_bytes(b"h" * 32)
AUTHORITY = Ed25519PrivateKey.from_private_bytes(b"a" * 32)


def certificate(*, kind: SSHCertificateType = SSHCertificateType.HOST, option: str = "") -> bytes:
    """A certificate of the authority for host-001, from second 100 to second 200."""
    builder = SSHCertificateBuilder().public_key(HOST.public_key()).serial(7).type(kind).key_id(b"one")
    builder = builder.valid_principals([b"host-001"]).valid_after(100).valid_before(200)
    if option:
        builder = builder.add_critical_option(option.encode(), b"x")
    return base64.b64decode(builder.sign(AUTHORITY).public_bytes().split()[1])


def test_a_certificate_names_its_key_its_authority_and_whom_it_is_for() -> None:
    """Key and authority are the very keys that known hosts name; a name or a time beside it is a flaw."""
    found = read_certificate(certificate())
    assert found.key == PublicKey.parse(one_line(HOST.public_key()))
    assert found.authority == PublicKey.parse(one_line(AUTHORITY.public_key()))
    assert found.flaw(("host-001",), 100) == ""
    assert "is for host-001" in found.flaw(("host-002",), 100)
    assert "not valid now" in found.flaw(("host-001",), 200)


@pytest.mark.parametrize(
    ("blob", "fault"),
    [
        (certificate(kind=SSHCertificateType.USER), "a user's, not a host's"),
        (certificate(option="force-command"), "critical options"),
        (certificate().replace(b"host-001", b"host-002"), "is not valid"),
    ],
    ids=["user", "option", "changed"],
)
def test_what_speaks_for_no_host(blob: bytes, fault: str) -> None:
    """A user's certificate, one with options that nobody knows, and a changed one have a fault."""
    assert fault in read_certificate(blob).flaw(("host-001", "host-002"), 150)


@pytest.mark.parametrize("cut", [10, 60, 200, -1])
def test_a_certificate_that_is_cut_off_is_said(cut: int) -> None:
    """Whatever a host sends is read or refused with a sentence, never with another error."""
    assert is_certificate(certificate())
    with pytest.raises(ValueError, match="cannot be read"):
        read_certificate(certificate()[:cut])


def test_a_public_key_has_one_form() -> None:
    """A comment may stand behind a key; another kind, a cut key or other bytes of the same key are refused."""
    public = one_line(HOST.public_key())
    assert ed25519_key(f"{public} somebody").public_bytes_raw() == HOST.public_key().public_bytes_raw()
    assert key_id(public) == PublicKey.parse(public).fingerprint
    other = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    for text in (other.decode(), public[:-4], public.replace(" ", "  "), public.replace("AAAAC3", "AAAA!C3"), "", "x"):
        with pytest.raises(SealError, match="expected a public key"):
            ed25519_key(text)
