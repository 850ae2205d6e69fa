"""Prometheus' remote write 1.0: ``prometheus.WriteRequest`` in protobuf, in a block of snappy."""

import struct
from collections.abc import Iterable

from zonewright.errors import Exit, ZonewrightError
from zonewright.telemetry.tsdb.interface import TimeSeries

HEADERS = {
    "content-type": "application/x-protobuf",
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "0.1.0",
}
_TEXT, _NUMBER, _DOUBLE = 2, 0, 1
"""Wire types of protobuf: what has a length, a whole number, and eight bytes."""
_LOW, _MORE, _WIDTH = 0x7F, 0x80, 64


class SnappyMissingError(ZonewrightError, ImportError):
    """The package that compresses is not installed."""

    exit_code = Exit.MISUSE


def write_request(series: Iterable[TimeSeries]) -> bytes:
    """The body of a request.

    Args:
        series: with samples in order of time.

    Raises:
        SnappyMissingError: when the extra ``tsdb`` is not installed.
    """
    try:
        from cramjam import snappy  # noqa: PLC0415 - of an extra of its own
    except ImportError:
        raise SnappyMissingError(
            "remote write needs the package cramjam, which is not installed; install it: pip install 'zonewright[tsdb]'"
        ) from None
    return bytes(snappy.compress_raw(b"".join(_part(1, _series(one)) for one in series)))


def _series(one: TimeSeries) -> bytes:
    labels = (
        _part(1, _part(1, name.encode()) + _part(2, value.encode())) for name, value in sorted(one.labels.items())
    )
    samples = (
        _part(2, struct.pack("<Bd", 1 << 3 | _DOUBLE, value) + bytes([2 << 3 | _NUMBER]) + _varint(time_ms))
        for time_ms, value in one.samples
    )
    return b"".join((*labels, *samples))


def _part(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | _TEXT]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """A whole number in groups of seven bits; a negative one as its complement of two."""
    number %= 1 << _WIDTH
    found = bytearray()
    while number > _LOW:
        found.append(number & _LOW | _MORE)
        number >>= 7
    found.append(number)
    return bytes(found)
