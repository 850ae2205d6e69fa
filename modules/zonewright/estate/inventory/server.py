"""A server with NetBox's API that answers: all objects of an endpoint, page by page.

pynetbox pages, signs and retries. Its records would ask for each nested object by itself, so raw answers are read.
NetBox and Nautobot page and sign alike.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import SplitResult, urlsplit, urlunsplit

import pynetbox
import requests
from pynetbox.core.query import Request

from zonewright.estate.inventory.errors import InventoryError, InventoryMisuseError

PAGE = 500
_TIMEOUT_S = 60
_WRITING_S = 300
"""A server makes the parts of a hundred devices one by one."""
_FORBIDDEN = (401, 403)
_SHOWN = 300
MOST_BYTES = 128 * 1024 * 1024
"""Of one answer; a page of 500 devices has about 2 MB."""
_PART_BYTES = 1024 * 1024
_MOST_IN_A_FILTER = 100
"""Numbers in one URL."""


class _Signed(requests.auth.AuthBase):
    """The token is in a header already: nothing of a ``.netrc`` takes its place."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Leave the request as it is."""
        return request


class _Session(requests.Session):
    """Counts requests, never waits or reads for ever, and takes the token to one server only."""

    def __init__(self, server: SplitResult) -> None:
        super().__init__()
        self.count = 0
        self.pages: set[str] = set()
        self.auth = _Signed()
        self._server = server

    def request(self, method: Any, url: Any, *arguments: Any, **named: Any) -> requests.Response:
        """Send one; neither a redirection nor the link to a next page leads elsewhere, to another port or to HTTP."""
        self.count += 1
        asked = urlsplit(str(url))
        is_there = asked.hostname == self._server.hostname and (
            None in {asked.port, self._server.port} or asked.port == self._server.port
        )
        if not is_there:
            raise InventoryError(
                f"a page leads to {asked.netloc or url}, expected {self._server.netloc}; nothing was asked there"
            )
        url = urlunsplit(asked._replace(scheme=self._server.scheme, netloc=self._server.netloc))
        if asked.query and url in self.pages:
            raise InventoryError("a page leads to one that was read already, so there is no end to them")
        self.pages.add(url)
        named.setdefault("timeout", _TIMEOUT_S if str(method).upper() == "GET" else _WRITING_S)
        named |= {"allow_redirects": False, "stream": True}
        answer = super().request(method, url, *arguments, **named)
        parts, size = [], 0
        for part in answer.iter_content(_PART_BYTES):
            size += len(part)
            if size > MOST_BYTES:
                answer.close()
                raise InventoryError(f"an answer is larger than {MOST_BYTES // 2**20} MiB, and is no page of objects")
            parts.append(part)
        answer._content = b"".join(parts)  # noqa: SLF001 - what requests keeps of an answer that was not read in parts
        return answer


@dataclass(kw_only=True)
class InventoryServer:
    """A server that answers; each product is a class of its own.

    Attributes:
        url: its address, without ``/api``.
        token: as the product takes it.
        version: as it says itself, such as ``4.7``.
    """

    product: ClassVar[str]
    oldest: ClassVar[tuple[int, int]]
    """The first version whose answers are understood."""
    always: ClassVar[Mapping[str, str]]
    """Filters of each request: all objects in an order that stays."""

    url: str
    token: str = field(repr=False)
    version: str = ""
    _session: _Session = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parts = _address(self.url, self.product)
        self.url = self.url.rstrip("/").removesuffix("/api")
        self._session = _Session(parts)
        api = pynetbox.api(self.url, token=self.token)
        api.http_session = self._session
        with self._told("api"):
            self.version = str(api.version)
        try:
            number = tuple(int(part) for part in self.version.split(".")[:2])
        except ValueError:
            number = ()
        if not number:
            raise InventoryMisuseError(f"{self.url} is no {self.product}: its API names no version; correct the URL")
        self._require_product(number)

    def _require_product(self, number: tuple[int, ...]) -> None:
        """Refuse a version that is too old.

        Args:
            number: the version that it says.
        """
        if number < self.oldest:
            oldest = ".".join(map(str, self.oldest))
            raise InventoryMisuseError(
                f"{self.url} is {self.product} {self.version}; expected {oldest} or newer; upgrade it"
            )

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
        request = Request(
            base=f"{self.url}/api/{endpoint}/",
            http_session=self._session,
            token=self.token,
            limit=PAGE,
            filters={**self.always, **self._lighter(endpoint), **filters},
        )
        self._session.pages.clear()
        with self._told(endpoint):
            found: list[Mapping[str, Any]] = [dict(one) for one in request.get()]
            count = int(request.count)
        if len({one.get("id") for one in found}) != count or len(found) != count:
            raise InventoryError(
                f"{endpoint}: expected {count:,} objects, got {len(found):,}; somebody may be writing to it, or a page "
                "was cut short; run this again"
            )
        return found

    def _status(self) -> Mapping[str, Any]:
        """What it says of itself, with the versions of its parts; nothing where it does not."""
        request = Request(base=f"{self.url}/api", http_session=self._session, token=self.token)
        with self._told("status"):
            try:
                found = request.get_status()
            except pynetbox.RequestError:
                return {}
        return found if isinstance(found, Mapping) else {}

    def _lighter(self, _endpoint: str) -> Mapping[str, str]:
        """What is asked to be left out of an endpoint's objects."""
        return {}

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
                    f"{self.url} has no {endpoint} ({status}): it is no {self.product}, or lies below a path, such as "
                    "/inventory; correct the URL"
                ) from None
            raise InventoryError(f"{self.url}: {endpoint}: {self._plain(error)}") from None
        except pynetbox.AllocationError:
            raise InventoryError(f"{self.url}: {endpoint}: has no room for it (409)") from None
        except pynetbox.ContentError:
            raise InventoryMisuseError(
                f"{self.url} answers {endpoint} with something that is not JSON; correct the URL"
            ) from None
        except InventoryError:
            raise
        except (requests.RequestException, OSError) as error:
            raise InventoryError(
                f"{self.url} cannot be reached: {self._plain(error)}; check the URL and the network"
            ) from None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            what = f"{type(error).__name__}: {self._plain(error)}"
            raise InventoryError(
                f"{self.url}: {endpoint}: an answer that {self.product} does not give: {what}"
            ) from None

    def _plain(self, error: BaseException) -> str:
        """What an error says on one line, also where an answer repeats the token."""
        return " ".join(str(error).replace(self.token, "<token>").split())[:_SHOWN]


def _address(url: str, product: str) -> SplitResult:
    """The parts of a server's URL; a sentence on a wrong one shows nothing that may be a secret."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_good, parts = False, SplitResult("", "", "", "", "")
    if not is_good or "@" in parts.netloc or parts.query or parts.fragment:
        shown = (
            url if "@" not in url and "?" not in url and "#" not in url else "one with a user, a query or a fragment"
        )
        raise InventoryMisuseError(
            f"expected the URL of a {product}, such as https://{product.lower()}.example.com, got {shown[:80]!r}; "
            "correct it"
        )
    return parts


def read_all(server: InventoryServer, endpoints: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """All objects of all endpoints: a request for each page, and none for an object."""
    return {endpoint: server.objects(endpoint) for endpoint in endpoints}
