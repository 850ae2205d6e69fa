"""Options of ``zonewright serve`` about certificates of clients."""

import argparse
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from zonewright.server.client_authorities import ClientAuthorities
    from zonewright.server.client_certificates import Proxy


def add_clients(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    parser.add_argument(
        "--client-ca",
        type=Path,
        metavar="FILE",
        help=(
            "authorities whose certificates clients may come with in the place of a token (PEM); a renewed file counts "
            "at once"
        ),
    )
    parser.add_argument(
        "--client-crl",
        type=Path,
        metavar="FILE",
        help="what these authorities revoked (PEM, a list of each): without a list that is good now nobody is let in",
    )
    parser.add_argument(
        "--client-certificate-header",
        default="",
        metavar="NAME",
        help="the header in which --proxy tells of its client's certificate, such as Client-Cert",
    )
    parser.add_argument(
        "--proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="address of a proxy that ends TLS and sets that header, in each request; may be repeated",
    )


def client_faults(arguments: argparse.Namespace) -> list[str]:
    """What is wrong with them, each as a sentence."""
    faults = []
    header, has_tls = arguments.client_certificate_header, arguments.tls_certificate is not None
    if arguments.client_ca is None:
        given = {
            "--client-crl": arguments.client_crl,
            "--client-certificate-header": header,
            "--proxy": arguments.proxy,
        }
        faults += [f"{name}: expected --client-ca FILE beside it, got none" for name, value in given.items() if value]
    elif not has_tls and not header:
        faults.append(
            "--client-ca: nothing would ask for certificates; give --tls-certificate and --tls-key, or, behind a "
            "proxy, --client-certificate-header and --proxy"
        )
    if bool(header) != bool(arguments.proxy):
        missing, there = ("--proxy", "the header") if header else ("--client-certificate-header", "it")
        faults.append(f"{missing}: expected it beside the other of the two, got none; {there} would count for nothing")
    if header and not (header.isascii() and header.replace("-", "").isalnum()):
        faults.append(f"--client-certificate-header: expected a name such as Client-Cert, got {header!r}")
    faults += [
        f"--proxy: expected an address such as 192.0.2.7, got {one!r}"
        for one in arguments.proxy
        if not _is_address(one)
    ]
    return faults


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def clients_of(
    arguments: argparse.Namespace, say: "Callable[[str], None]"
) -> "tuple[ClientAuthorities | None, Proxy | None]":
    """Who vouches for clients, and which proxy may tell of them.

    Raises:
        AuthoritiesError: when a file cannot be used.
    """
    if arguments.client_ca is None:
        return None, None
    from zonewright.server.client_authorities import ClientAuthorities
    from zonewright.server.client_certificates import Proxy, plain_address

    authorities = ClientAuthorities(arguments.client_ca, arguments.client_crl, say=say)
    if not arguments.proxy:
        return authorities, None
    addresses = frozenset(map(plain_address, arguments.proxy))
    return authorities, Proxy(header=arguments.client_certificate_header, addresses=addresses)
