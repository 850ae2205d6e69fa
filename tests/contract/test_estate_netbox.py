"""A NetBox over real HTTP: pages, tokens, versions, and what a wrong one ends with."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from support.netbox_replay import TOKEN, Replayed, replayed
from zonewright.cli import main
from zonewright.errors import Exit
from zonewright.estate.inventory import server as server_module
from zonewright.estate.inventory.errors import InventoryError
from zonewright.estate.inventory.netbox import Netbox
from zonewright.estate.inventory.server import PAGE, read_all
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


def test_a_page_is_never_asked_for_without_encryption() -> None:
    """Behind a proxy a NetBox may call its next page by http: the token goes to the server and port that was named."""
    sent: list[str] = []

    class Sent(requests.adapters.BaseAdapter):
        def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
            sent.append(str(request.url))
            answer = requests.Response()
            answer.status_code, answer.raw, answer.headers["API-Version"] = 200, io.BytesIO(b"{}"), "4.7"
            return answer

        def close(self) -> None:
            """Nothing is open."""

    session = server_module._Session(urlsplit("https://NetBox.example.com"))
    session.mount("https://", Sent())
    session.mount("http://", Sent())
    session.get("http://netbox.example.com/api/dcim/devices/?offset=1000")
    session.get("https://netbox.example.com:443/api/dcim/devices/?offset=2000")
    assert {urlsplit(url).scheme for url in sent} == {"https"}


def test_pages_without_an_end_are_refused(server: Replayed) -> None:
    """A next page that leads back is told, and is not followed for ever."""
    server.next_page = f"{server.url}/api/dcim/devices/?limit=500&offset=500"
    assert "a page leads to one that was read already" in str(_refused(server.url))


def test_a_huge_answer_is_refused(server: Replayed, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer beyond all measure is not read into memory."""
    monkeypatch.setattr("zonewright.estate.inventory.server.MOST_BYTES", 1_000)
    assert "an answer is larger than" in str(_refused(server.url))


@pytest.mark.parametrize(
    "says",
    [
        {"count": "many", "next": None, "results": []},
        {"count": 1, "next": None, "results": ["device"]},
        {"count": 1, "next": 7, "results": [{"id": 1}]},
        ["device"],
        f"you sent {TOKEN}",
    ],
)
def test_answers_that_netbox_does_not_give_are_told(server: Replayed, says: Any) -> None:
    """JSON of another form is one sentence, without the token that it may repeat."""
    server.says = says
    assert urlsplit(server.url).netloc in str(_refused(server.url))


def test_a_netrc_does_not_take_the_place_of_the_token(
    server: Replayed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has a password for the same host in .netrc still sends the token, and nothing else."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password word\n", "utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert len(Netbox(url=server.url, token=TOKEN).objects("dcim/devices")) == MANY


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("http://me:s3cret@netbox.example.com", "t"),
        ("https://netbox.example.com/?token=s3cret", "t"),
        ("https://netbox.example.com/#s3cret", "t"),
        ("http://[::1", "t"),
        ("http://netbox.example.com:99999", "t"),
        ("http://127.0.0.1:9", "s3cret\u2026"),
        ("http://127.0.0.1:9", b"s3cret\xff"),
    ],
)
def test_nothing_secret_is_printed(
    url: str, token: str | bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A URL with a password, and a token that can be none, are told without either, and not as a fault of ours."""
    (tmp_path / "token").write_bytes(token if isinstance(token, bytes) else token.encode())
    words = ["adopt", str(tmp_path / "zone"), "--netbox", url, "--token-file", str(tmp_path / "token")]
    assert main(words) == Exit.MISUSE
    said = capsys.readouterr()
    assert "expected " in said.err
    assert "s3cret" not in said.out + said.err
