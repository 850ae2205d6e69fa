"""What paramiko and the operating system say, as the kinds of errors of the seam and sentences that tell what to do."""

import errno
import socket

import paramiko

from zonewright.fleet.ssh.transport import (
    AccountError,
    AlgorithmError,
    DroppedError,
    LoginError,
    RefusedPortError,
    SilentHostError,
    Target,
    UnreachableError,
)

_NO_ROUTE = (errno.EHOSTUNREACH, errno.ENETUNREACH)


def place_of(target: Target) -> str:
    """A host as sentences call it."""
    return f"{target.name} ({target.address} port {target.port})"


def route_error(target: Target, error: OSError) -> UnreachableError:
    """Why there is no connection."""
    place = place_of(target)
    if isinstance(error, socket.gaierror):
        return UnreachableError(f"{target.name}: the name {target.address} is not known; correct its address")
    if isinstance(error, ConnectionRefusedError):
        return RefusedPortError(f"{place} refuses the connection: no SSH server listens there")
    if isinstance(error, TimeoutError) or error.errno in _NO_ROUTE:
        return SilentHostError(f"{place} does not answer: it is off, or a firewall drops the connection")
    if isinstance(error, ConnectionResetError):
        return DroppedError(f"{place} closed the connection at once")
    return UnreachableError(f"{place} cannot be reached: {(error.strerror or str(error)).lower()}")


def negotiation_error(target: Target, error: Exception, elapsed_s: float, *, is_late: bool) -> UnreachableError:
    """Why keys were not exchanged.

    Args:
        target: the host.
        error: what was raised.
        elapsed_s: how long it took.
        is_late: whether a timeout is over; paramiko says the same of a silent host and of one that hangs up.
    """
    if isinstance(error, UnreachableError):
        return error
    place, text = place_of(target), str(error)
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return AlgorithmError(
            f"{place} offers only outdated algorithms ({text.rstrip('.')}), such as SHA-1, CBC or MD5; update "
            "its SSH server, or reach the host in another way"
        )
    if "Indecipherable protocol version" in text or "Invalid SSH banner" in text:
        return RefusedPortError(f"{place} answers, but not as an SSH server does; correct its port")
    if is_late:
        said = "says nothing" if "banner" in text else "does not finish the exchange of keys"
        return SilentHostError(f"{place} accepts connections and {said} for {elapsed_s:.1f} s")
    return DroppedError(
        f"{place} closes the connection before the login: it has too many connections (MaxStartups), or it is starting"
    )


def login_error(target: Target, error: Exception | None, keys: int) -> UnreachableError:
    """Why the host does not let this user in."""
    who = f"{place_of(target)} does not let {target.user} in"
    tried = "the key" if keys == 1 else f"any of {keys} keys"
    if isinstance(error, paramiko.BadAuthenticationType):
        return LoginError(f"{who}: it accepts no keys, only {', '.join(error.allowed_types) or 'nothing'}")
    if "timeout" in str(error).lower():
        return SilentHostError(f"{place_of(target)} did not answer the login in time")
    if isinstance(error, EOFError | OSError) or "EOF" in str(error) or "shut down" in str(error):
        return AccountError(
            f"{who}: it closed the connection after it accepted the key; PAM does this for an expired or "
            f"inactive account, or while /etc/nologin exists; check at its console with: chage -l {target.user}"
        )
    if error is not None and "besides" in str(error):
        return LoginError(f"{who}: {error}")
    return LoginError(
        f"{who} with {tried}: it is not among the user's authorized keys, or the account is locked; a server "
        f"gives the same answer for both. Check at its console with: passwd -S {target.user} (L means locked)"
    )
