"""What systemd is told (sd_notify): one datagram, nothing where no service manager listens."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Tell the service manager a state, such as ``READY=1``."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)
    except OSError:
        return  # a manager that does not listen is no reason to stop reading


def watchdog_s() -> float | None:
    """How often the watchdog wants to be told, in seconds: half of what it allows; None without one."""
    text = os.environ.get("WATCHDOG_USEC", "")
    ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(text) / 2e6 if ours and text.isdigit() and int(text) > 0 else None
