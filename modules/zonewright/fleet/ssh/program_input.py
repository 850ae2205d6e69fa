"""The input of a program on a host, sent no further ahead of it than is of use."""

import time
from collections.abc import Callable

import paramiko

_PIECE_BYTES = 32 * 1024
"""What servers take in one message (RFC 4253, 6.1)."""
_AHEAD_BYTES = 192 * 1024
"""OpenSSH lets 2 MiB come, keeps what its program has not read yet in one buffer, and copies that whole each time it
grows. For a release of 1 MB that takes a host 10 ms and a megabyte more than with so much; it says what was read as
soon as that is 96 KiB (``channel_check_window``)."""
_PATIENCE_S = 1.0
"""Then all that the server offered is used: some say nothing before half of it has come."""


def send_input(channel: paramiko.Channel, content: bytes, *, channel_s: float, left_s: Callable[[], float]) -> bool:
    """Send all of it; False when the program ended, or closed its input, before that.

    Args:
        channel: where the program runs.
        content: its input.
        channel_s: how long a server may take nothing, in seconds.
        left_s: what is left of the time for all, in seconds.

    Raises:
        TimeoutError: when the server took nothing for so long.
    """
    rest, held_back, patience_s = memoryview(content), _hold_back(channel), _PATIENCE_S
    moved_s = time.monotonic()
    while rest:
        channel.settimeout(min(patience_s, left_s()))
        try:
            sent = channel.send(bytes(rest[:_PIECE_BYTES]))
        except TimeoutError:
            if time.monotonic() - moved_s >= min(channel_s, left_s()):
                raise
            _give_back(channel, held_back)
            held_back, patience_s = 0, channel_s
            continue
        except OSError:
            return False
        if not sent:
            return False
        rest, moved_s = rest[sent:], time.monotonic()
    return True


def _hold_back(channel: paramiko.Channel) -> int:
    with channel.lock:
        held_back = max(0, channel.out_window_size - _AHEAD_BYTES)
        channel.out_window_size -= held_back
    return held_back


def _give_back(channel: paramiko.Channel, size: int) -> None:
    with channel.lock:
        channel.out_window_size += size
