"""Addresses and networks in declarations: text that is one, of IPv4 or IPv6."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated

from pydantic import BeforeValidator, Strict


def _plain(value: object) -> object:
    """``ipaddress`` would take a number or bytes for an address, and anything at all after ``%``, also a new line."""
    if isinstance(value, int | bytes) or "%" in str(value):
        message = "expected an address as text, without a zone after '%'"
        raise ValueError(message)
    return value


_IPv4Network = Annotated[IPv4Network, Strict(False)]  # noqa: FBT003 - pydantic's form
_IPv6Network = Annotated[IPv6Network, Strict(False)]  # noqa: FBT003 - pydantic's form
_IPv4Address = Annotated[IPv4Address, Strict(False)]  # noqa: FBT003 - pydantic's form
_IPv6Address = Annotated[IPv6Address, Strict(False)]  # noqa: FBT003 - pydantic's form
Network = Annotated[_IPv4Network | _IPv6Network, BeforeValidator(_plain)]
Address = Annotated[_IPv4Address | _IPv6Address, BeforeValidator(_plain)]
