"""By which of its names a certificate is a principal: an alternative name of its subject, or its public key."""

import re
from urllib.parse import urlsplit

CERTIFICATE = "certificate"
"""Stands in the place of an issuer where a principal comes with a certificate. No URL is this word."""
DNS, URI, KEY = "DNS:", "URI:", "KEY:sha256:"
NAMES = f"{DNS}runner.example, {URI}spiffe://zone.example/runner or {KEY}DIGEST"
_HOST = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z"
)
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def certificate_name(text: str) -> str | None:
    """A name as it is compared; None where no certificate is known by such a one.

    Example:
        >>> certificate_name("DNS:Runner-7.Example"), certificate_name("DNS:*.example")
        ('DNS:runner-7.example', None)
    """
    if text.startswith(DNS):
        host = text.removeprefix(DNS).lower()
        return f"{DNS}{host}" if _HOST.match(host) else None
    if text.startswith(KEY):
        digest = text.removeprefix(KEY).lower()
        return f"{KEY}{digest}" if _DIGEST.match(digest) else None
    if text.startswith(URI) and text.isascii() and text.isprintable() and " " not in text:
        try:
            parts = urlsplit(text.removeprefix(URI))
        except ValueError:
            return None
        return text if parts.scheme and (parts.netloc or parts.path) else None
    return None
