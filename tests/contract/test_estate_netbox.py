"""A NetBox over real HTTP: pages, tokens, versions, and what a wrong one ends with."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.netbox_replay import TOKEN, Replayed, replayed
from zonewright.errors import Exit
from zonewright.estate.inventory.errors import InventoryError
from zonewright.estate.inventory.netbox import PAGE, Netbox, read_all
from zonewright.estate.reading import KINDS

ENDPOINTS = [endpoint for endpoint, _ in KINDS.values()]
MANY = 1_000


@pytest.fixture(name="server")
def _server() -> Iterator[Replayed]:
    lists: dict[str, list[dict[str, Any]]] = {endpoint: [] for endpoint in ENDPOINTS} | {
        "dcim/devices": [{"id": one} for one in range(1, MANY + 1)]
    }
    with replayed(Replayed(lists=lists)) as server:
        yield server


def test_a_thousand_devices_are_read_page_by_page(server: Replayed) -> None:
    """All objects are read with a request for each page of each endpoint, and none for an object."""
    netbox = Netbox(url=server.url, token=TOKEN)
    found = read_all(netbox, ENDPOINTS)
    assert [one["id"] for one in found["dcim/devices"]] == list(range(1, MANY + 1))
    pages = -(-MANY // PAGE)
    assert netbox.requests == len(server.asked) == 1 + len(ENDPOINTS) - 1 + pages  # one more asks for the version


def test_a_server_with_small_pages_gives_all(server: Replayed) -> None:
    """A NetBox whose pages are smaller than was asked for is followed to its end."""
    server.most = 300
    assert len(Netbox(url=server.url, token=TOKEN).objects("dcim/devices")) == MANY


def _refused(url: str, token: str = TOKEN) -> InventoryError:
    with pytest.raises(InventoryError) as caught:
        Netbox(url=url, token=token).objects("dcim/devices")
    assert token not in str(caught.value)
    return caught.value


def test_a_page_that_is_cut_short_is_refused(server: Replayed) -> None:
    """Fewer objects than the server says it has are no inventory."""
    server.short = "dcim/devices"
    assert "dcim/devices: expected 1,000 objects, got 999" in str(_refused(server.url))


def test_a_wrong_token_is_told_without_it(server: Replayed) -> None:
    """The sentence names what is refused, and does not repeat the token."""
    assert "refuses dcim/devices (403): expected a token that may do this" in str(_refused(server.url, "nbt_a.secret"))


@pytest.mark.parametrize(("version", "says"), [("3.7", "is NetBox 3.7; expected 4.2 or newer"), ("", "is no NetBox")])
def test_an_older_netbox_is_refused(server: Replayed, version: str, says: str) -> None:
    """A version whose answers mean something else is not read at all."""
    server.version = version
    error = _refused(server.url)
    assert says in str(error)
    assert error.exit_code == Exit.MISUSE


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("netbox.example.com", "expected the URL of a NetBox"),
        ("ftp://netbox.example.com", "expected the URL of a NetBox"),
        ("http://me:word@netbox.example.com", "expected the URL of a NetBox"),
        ("http://127.0.0.1:9", "cannot be reached"),
    ],
)
def test_a_wrong_url_is_told(url: str, says: str) -> None:
    """What is no URL of a NetBox, or nobody answers at, is one sentence."""
    assert says in str(_refused(url))


def test_a_path_below_which_no_netbox_lies_is_told(server: Replayed) -> None:
    """A server without that API says that the URL is wrong."""
    assert "correct the URL" in str(_refused(f"{server.url}/elsewhere"))


def test_the_token_goes_to_no_other_host(server: Replayed) -> None:
    """A next page at another host is not asked for, so that no answer can lead the token away."""
    server.most = 300
    with replayed(Replayed(lists={"dcim/devices": []})) as other:
        server_url, server.url = server.url, other.url  # what the pages lead to
        assert "a page leads to" in str(_refused(server_url))
        assert other.asked == []
