"""Time-stamps of RFC 3161: that some bytes were there at a moment, as an authority says that nobody here owns.

No effects: who asks an authority, and who keeps what it answers, is elsewhere.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from asn1crypto.cms import CertificateSet
from asn1crypto.tsp import TimeStampResp
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from zonewright.seal.errors import SealError

MOST_BYTES = 65_536
"""Of an answer: a signature, and certificates between it and the authority."""


def request_for(data: bytes) -> tuple[bytes, int | None]:
    """What to ask an authority for (DER), and the number that its answer must have.

    Args:
        data: the bytes; the authority gets their SHA-512 only.
    """
    request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA512).build()
    return request.as_bytes(), request.nonce


def stamped_at(answer: bytes, data: bytes, roots: Sequence[x509.Certificate], nonce: int | None = None) -> datetime:
    """The moment at which an authority says that some bytes were there. Certificates need be good at that moment only.

    An answer may differ from the one that was given in what CMS does not sign: the two numbers of its version, and the
    name of the signature's algorithm. All that is said of bytes, moment and authority is signed.

    Args:
        answer: of the authority (DER).
        data: the bytes.
        roots: certificates of the authorities that are trusted.
        nonce: the number that the answer must have; None does not ask.

    Raises:
        SealError: when it is no such answer, is of other bytes, or an authority that is not trusted gave it.
    """
    try:
        found = decode_timestamp_response(_in_order(answer[:MOST_BYTES]))
        if found.status == PKIStatus.GRANTED:
            VerifierBuilder(roots=list(roots), nonce=nonce).build().verify_message(found, data)
            return found.tst_info.gen_time.astimezone(UTC)
        fault = f"the authority gave no time-stamp: {', '.join(found.status_string)[:200] or found.status}"
    except (VerificationError, ValueError) as error:
        fault = f"the time-stamp does not count: {str(error).rstrip('.')[:200] or type(error).__name__}"
    raise SealError(fault)


def _in_order(answer: bytes) -> bytes:
    """The answer with its certificates in the order of DER, in which OpenSSL does not put them: nobody signs it.

    An answer that cannot be read, or has no time-stamp, stays what it is.
    """
    try:
        found = TimeStampResp.load(answer, strict=True)
        signed = found["time_stamp_token"]["content"]
        if signed["certificates"].native:
            signed["certificates"] = CertificateSet(list(signed["certificates"]))
        return bytes(found.dump())
    except Exception:  # noqa: BLE001 - of bytes that are none of its types asn1crypto raises whatever comes to it
        return answer


def roots_of(pem: bytes) -> list[x509.Certificate]:
    """Certificates of authorities.

    Args:
        pem: one or more of them.

    Raises:
        SealError: when it has none.
    """
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise SealError("expected certificates of authorities (PEM), got something else") from None
