"""What a site's DHCP tells machines that are being set up: which address is whose, and what they start from."""

from ipaddress import IPv4Address
from typing import Annotated, Self

from pydantic import AfterValidator, Field, Strict, model_validator

from zonewright.model.base import Declared

MacAddress = Annotated[
    str, Field(pattern=r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$", max_length=17), AfterValidator(str.upper)
]
"""A MAC address in six parts, such as ``52:54:00:12:34:56``; capitals or not are the same."""
BootFile = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", max_length=127)]
"""Name of a file on a server of TFTP; DHCP has room for 127 characters."""
_Address = Annotated[IPv4Address, Strict(False)]  # noqa: FBT003 - pydantic's form


class DhcpReservation(Declared):
    """A machine that is always leased the same address."""

    mac_address: MacAddress
    """MAC address of the port by which it asks, as in NetBox."""
    address: _Address
    """Its address, one of the dynamic ones of its pool."""


class NetworkBoot(Declared):
    """What a machine without a system starts from, by PXE."""

    next_server: _Address
    """Address of the TFTP server."""
    bios_file: BootFile | None = None
    """The file for machines with a BIOS, such as ``undionly.kpxe``."""
    uefi_file: BootFile | None = None
    """The file for 64-bit machines with UEFI, such as ``ipxe.efi``."""

    @model_validator(mode="after")
    def _some_file(self) -> Self:
        if self.bios_file is None and self.uefi_file is None:
            message = "a server to boot from, but no file; name bios_file, uefi_file or both"
            raise ValueError(message)
        return self
