"""A Prometheus-compatible database over HTTP: samples go there by remote write, and come back by a query of a range.

``/api/v1/query`` with a range selector gives samples as they are stored, in Prometheus and in VictoriaMetrics, with
times to the millisecond. Remote read, which only Prometheus has, would give no more.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any
from urllib.parse import urlencode

from pydantic_core import from_json
from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from zonewright.errors import reason_of
from zonewright.telemetry.home import TsdbFaultError
from zonewright.telemetry.tsdb.interface import MOST_VALUE, TimeSeries
from zonewright.telemetry.tsdb.remote_write import HEADERS, write_request

_OK_FROM, _OK_BELOW = 200, 300
_CHUNK = 256 * 1024
_MOST_BYTES = 256 * 1024**2
_MOST_TOLD = 200
_FORM = {"content-type": "application/x-www-form-urlencoded"}


class HttpTsdb:
    """One database.

    Args:
        write_url: of its remote write.
        query_url: of its ``/api/v1/query``.
        headers: that go with each request, such as an authorization.
        timeout_s: how long a whole answer may take.
        rest_s: how long it is not asked again after it failed, so that no decision waits for it again and again.
        authorities: file of the certificates that vouch for it; None for those of the system.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        write_url: str,
        query_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
        rest_s: float = 15.0,
        authorities: str | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = f"the time-series database {query_url}"
        self._write_url, self._query_url = write_url, query_url
        self._headers, self._timeout_s, self._rest_s, self._clock = dict(headers or {}), timeout_s, rest_s, clock
        self._pool = PoolManager(retries=False, maxsize=4, ca_certs=authorities)
        self._failed: tuple[float, str] | None = None

    def write(self, series: Sequence[TimeSeries]) -> None:
        """Have it take samples."""
        self._asked(self._write_url, write_request(series), HEADERS)

    def read(self, labels: Mapping[str, str], start_ms: int, end_ms: int) -> list[TimeSeries]:
        """Raw samples by range."""
        matched = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(labels.items()))
        # The range ends a millisecond before the end. Older servers count its begin as inside, and newer do not.
        last_ms = end_ms - 1
        query = {"query": f"{{{matched}}}[{end_ms - start_ms}ms]", "time": f"{last_ms // 1000}.{last_ms % 1000:03}"}
        body = self._asked(self._query_url, urlencode(query).encode(), _FORM)
        try:
            found = _series_of(body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._fault(f"gave an answer that is none to a query: {reason_of(error)[:_MOST_TOLD]}") from None
        return [TimeSeries(one.labels, [item for item in one.samples if start_ms <= item[0] < end_ms]) for one in found]

    def _asked(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """What it answers within the time.

        Raises:
            TsdbFaultError: when there is no such answer, or it says that something went wrong.
        """
        if self._failed is not None and self._clock() < self._failed[0]:
            raise TsdbFaultError(self._failed[1])
        end = self._clock() + self._timeout_s
        try:
            answer = self._pool.request(
                "POST",
                url,
                body=body,
                headers={**self._headers, **headers},
                redirect=False,
                preload_content=False,
                timeout=Timeout(total=self._timeout_s),
            )
            with answer:
                found = self._read(answer, end)
        except (HTTPError, OSError) as error:
            if isinstance(error, TsdbFaultError):
                raise
            raise self._fault(f"cannot be asked: {type(error).__name__}: {reason_of(error)[:_MOST_TOLD]}") from None
        if not _OK_FROM <= answer.status < _OK_BELOW:
            told = found[:_MOST_TOLD].decode("utf-8", "replace").strip().replace("\n", " ")
            # What it says to one request is no reason not to make another: it is there.
            raise TsdbFaultError(f"{self.name} answered {answer.status}: {told}")
        self._failed = None
        return found

    def _read(self, answer: BaseHTTPResponse, end: float) -> bytes:
        """The body, as long as it comes in time and is not too long."""
        found = bytearray()
        for chunk in answer.stream(_CHUNK):
            found += chunk
            if self._clock() > end:
                raise self._fault(f"gave no whole answer within {self._timeout_s:g} s")
            if len(found) > _MOST_BYTES:
                raise self._fault(f"gave an answer of more than {_MOST_BYTES // 1024**2} MiB")
        return bytes(found)

    def _fault(self, what: str) -> TsdbFaultError:
        """A fault after which it is not asked for a while."""
        told = f"{self.name} {what}"
        self._failed = (self._clock() + self._rest_s, told)
        return TsdbFaultError(told)


def _series_of(body: bytes) -> list[TimeSeries]:
    """The series of an answer.

    Raises:
        ValueError: when it is none, or says that it is not complete.
        KeyError: when a part of it is missing.
        TypeError: when it is of another form.
    """
    answer: Any = from_json(body, cache_strings="keys")
    if answer["status"] != "success" or answer["data"]["resultType"] != "matrix":
        raise ValueError("no matrix")
    if answer.get("isPartial"):
        raise ValueError("it says that it is partial")
    return [
        TimeSeries(one["metric"], [(round(at * 1000), _whole(text)) for at, text in one["values"]])
        for one in answer["data"]["result"]
    ]


def _whole(text: str) -> int:
    """A value; what is no whole number was not written by us."""
    value = float(text)
    if not value.is_integer() or abs(value) > MOST_VALUE:
        raise ValueError(f"{text[:40]} is no whole number that it can hold")
    return int(value)
