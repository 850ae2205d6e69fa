"""A NetBox that answers: all objects of an endpoint, page by page, and objects written in bulk.

pynetbox pages, signs and retries. Its records would ask for each nested object by itself, so raw answers are read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pynetbox
import requests
from pynetbox.core.query import Request

from zonewright.estate.inventory.errors import InventoryError, InventoryMisuseError

OLDEST = (4, 2)
"""The first version whose prefixes have a scope; older ones answer otherwise."""
PAGE = 500
_TIMEOUT_S = 60
_WRITING_S = 300
"""NetBox makes the parts of a hundred devices one by one."""
_FORBIDDEN = (401, 403)
_SHOWN = 300
_MOST_IN_A_FILTER = 100
"""Numbers in one URL."""


class _Session(requests.Session):
    """Counts requests, never waits for ever, and takes the token to one host only."""

    def __init__(self, host: str = "") -> None:
        super().__init__()
        self.count = 0
        self._host = host

    def request(self, method: Any, url: Any, *arguments: Any, **named: Any) -> requests.Response:
        """Send one; neither a redirection nor the link to a next page leads to another host."""
        self.count += 1
        if urlsplit(str(url)).netloc != self._host:
            raise InventoryError(
                f"a page leads to {urlsplit(str(url)).netloc}, expected {self._host}; nothing was asked there"
            )
        named.setdefault("timeout", _TIMEOUT_S if str(method).upper() == "GET" else _WRITING_S)
        named["allow_redirects"] = False
        return super().request(method, url, *arguments, **named)


@dataclass(kw_only=True)
class Netbox:
    """A NetBox.

    Attributes:
        url: its address, without ``/api``.
        token: of version 1 or 2.
        version: as it says itself, such as ``4.7``.
    """

    url: str
    token: str = field(repr=False)
    version: str = ""
    _session: _Session = field(default_factory=_Session, init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise InventoryMisuseError(
                f"expected the URL of a NetBox, such as https://netbox.example.com, got '{self.url[:80]}'"
            )
        self.url = self.url.rstrip("/").removesuffix("/api")
        self._session = _Session(parts.netloc)
        self._api = pynetbox.api(self.url, token=self.token)
        self._api.http_session = self._session
        with self._told("api"):
            self.version = str(self._api.version)
        try:
            number = tuple(int(part) for part in self.version.split(".")[:2])
        except ValueError:
            number = ()
        if not number:
            raise InventoryMisuseError(f"{self.url} is no NetBox: its API names no version; correct the URL")
        if number < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise InventoryMisuseError(f"{self.url} is NetBox {self.version}; expected {oldest} or newer; upgrade it")

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return self._session.count

    def objects(self, endpoint: str, **filters: Any) -> list[Mapping[str, Any]]:
        """All objects of an endpoint.

        Args:
            endpoint: such as ``dcim/racks``.
            filters: values by name, or lists of which each counts.

        Raises:
            InventoryError: when it refuses, cannot be reached, or gives fewer objects than it says it has.
        """
        for name, value in filters.items():
            if isinstance(value, list) and len(value) > _MOST_IN_A_FILTER:
                parts = (value[start : start + _MOST_IN_A_FILTER] for start in range(0, len(value), _MOST_IN_A_FILTER))
                return [one for part in parts for one in self.objects(endpoint, **{**filters, name: part})]
        heavy = {"exclude": "config_context"} if endpoint == "dcim/devices" else {}
        request = Request(
            base=f"{self.url}/api/{endpoint}/",
            http_session=self._session,
            token=self.token,
            limit=PAGE,
            filters={"ordering": "id", **heavy, **filters},
        )
        with self._told(endpoint):
            found = list(request.get())
            count = request.count
        if len({one.get("id") for one in found}) != count or len(found) != count:
            raise InventoryError(
                f"{endpoint}: expected {count:,} objects, got {len(found):,}; somebody may be writing to it, or a page "
                "was cut short; run this again"
            )
        return found

    def create(self, endpoint: str, objects: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Make objects, all or none of each hundred."""
        return [one for part in _parts(objects) for one in self._send("post", endpoint, part)]

    def change(self, endpoint: str, objects: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Change objects by their ids, all or none of each hundred."""
        return [one for part in _parts(objects) for one in self._send("patch", endpoint, part)]

    def _send(self, verb: str, endpoint: str, data: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        request = Request(base=f"{self.url}/api/{endpoint}/", http_session=self._session, token=self.token)
        with self._told(endpoint):
            answer = request.post(list(data)) if verb == "post" else request.patch(list(data))
            return list(answer) if isinstance(answer, list) else [answer]

    @contextmanager
    def _told(self, endpoint: str) -> Iterator[None]:
        """What goes wrong, as one sentence without the token."""
        try:
            yield
        except pynetbox.RequestError as error:
            status = error.req.status_code
            if status in _FORBIDDEN:
                raise InventoryError(
                    f"{self.url} refuses {endpoint} ({status}): expected a token that may do this, got "
                    f"{'one that it does not take' if self.token else 'none'}; correct it, or give it the permission"
                ) from None
            if status == requests.codes.not_found or status in range(300, 400):
                raise InventoryMisuseError(
                    f"{self.url} has no {endpoint} ({status}): it is no NetBox, or lies below a path, such as /netbox; "
                    "correct the URL"
                ) from None
            raise InventoryError(f"{self.url}: {endpoint}: {_plain(error)}") from None
        except pynetbox.ContentError:
            raise InventoryMisuseError(
                f"{self.url} answers {endpoint} with something that is not JSON; correct the URL"
            ) from None
        except InventoryError:
            raise
        except (requests.RequestException, OSError) as error:
            raise InventoryError(
                f"{self.url} cannot be reached: {_plain(error)}; check the URL and the network"
            ) from None
        except (KeyError, TypeError, ValueError) as error:
            raise InventoryError(f"{self.url}: {endpoint}: an answer that NetBox does not give: {error!r}") from None


def _plain(error: BaseException) -> str:
    return " ".join(str(error).split())[:_SHOWN]


def _parts(objects: Sequence[Mapping[str, Any]]) -> Iterable[Sequence[Mapping[str, Any]]]:
    for start in range(0, len(objects), 100):
        yield objects[start : start + 100]


def read_all(netbox: Netbox, endpoints: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """All objects of all endpoints: a request for each page, and none for an object."""
    return {endpoint: netbox.objects(endpoint) for endpoint in endpoints}
