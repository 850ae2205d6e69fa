"""Record a real NetBox: ``ZONEWRIGHT_NETBOX=DIR PYTHONPATH=tests python -m support.netbox_recorder``.

Fields that nothing here reads are left out of the record: addresses of pages, times, tags, counts.
"""

import json
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from support.netbox_demo import fill
from support.netbox_replay import FIXTURE
from support.netbox_server import environment, netbox_server
from support.netbox_story import story
from zonewright.estate.inventory.netbox import Netbox
from zonewright.estate.inventory.server import InventoryServer, read_all
from zonewright.estate.reading import KINDS

_LEFT_OUT = {
    *("url", "display_url", "display", "created", "last_updated", "tags", "custom_fields", "comments", "owner"),
    *("config_context", "local_context_data", "_occupied", "_depth", "mark_connected"),
}


def lean(value: Any) -> Any:
    """An answer without what nothing reads."""
    if isinstance(value, Mapping):
        kept = {key: inner for key, inner in value.items() if key not in _LEFT_OUT and not key.endswith("_count")}
        return {key: lean(inner) for key, inner in kept.items()}
    return [lean(one) for one in value] if isinstance(value, list) else value


def record(url: str, token: str) -> None:
    """Fill an empty NetBox, tell the story to it, and write what it answered."""
    netbox = Netbox(url=url, token=token)
    fill(netbox.create, netbox.objects, netbox.change)
    endpoints = [endpoint for endpoint, _ in KINDS.values()]
    before = lean(read_all(netbox, endpoints))
    answers: list[dict[str, Any]] = []
    objects, send = InventoryServer.objects, Netbox._send

    def heard_objects(self: InventoryServer, endpoint: str, **filters: Any) -> list[Mapping[str, Any]]:
        found = objects(self, endpoint, **filters)
        if filters:
            flat = {key: ",".join(map(str, one)) if isinstance(one, list) else str(one) for key, one in filters.items()}
            answer = {"count": len(found), "next": None, "previous": None, "results": lean(found)}
            query = urlencode(sorted(flat.items()))
            answers.append({"verb": "get", "path": endpoint, "body": None, "query": query, "answer": answer})
        return found

    def heard_send(self: Netbox, verb: str, endpoint: str, data: Any) -> list[Mapping[str, Any]]:
        found = send(self, verb, endpoint, data)
        body = json.loads(json.dumps(list(data)))
        answers.append({"verb": verb, "path": endpoint, "body": body, "query": "", "answer": lean(found)})
        return found

    InventoryServer.objects, Netbox._send = heard_objects, heard_send  # type: ignore[method-assign]
    printed = StringIO()

    def said() -> str:
        text = printed.getvalue()
        printed.seek(0)
        printed.truncate()
        return text

    try:
        with tempfile.TemporaryDirectory() as where, redirect_stdout(printed):
            told = story(url, token, Path(where), said)
    finally:
        InventoryServer.objects, Netbox._send = objects, send  # type: ignore[method-assign]
    for name, (code, text) in told.items():
        sys.stdout.write(f"--- {name}: {code}\n{text}")
    after = lean(read_all(netbox, endpoints))
    changed = {endpoint: after[endpoint] for endpoint in endpoints if after[endpoint] != before[endpoint]}
    FIXTURE.mkdir(exist_ok=True)
    for name, content in (("before", before), ("answers", answers), ("after", changed)):
        (FIXTURE / f"{name}.json").write_text(as_text(content), "utf-8")


def as_text(content: Any) -> str:
    """One object a line, so that a difference can be read."""
    if isinstance(content, list):
        return "[\n" + ",\n".join(json.dumps(one) for one in content) + "\n]\n"
    lists = (
        f"{json.dumps(key)}: [\n" + ",\n".join(json.dumps(one) for one in of) + "\n]" for key, of in content.items()
    )
    return "{\n" + ",\n".join(lists) + "\n}\n"


def main() -> int:
    """Start a NetBox and record it."""
    where = environment()
    if where is None:
        sys.stderr.write("set ZONEWRIGHT_NETBOX to a virtual environment that has NetBox\n")
        return 2
    with netbox_server(where) as server:
        record(server.url, server.token)
    return 0


if __name__ == "__main__":
    sys.exit(main())
