"""Every field of every request has a limit, and what goes beyond one is a sentence before it costs anything."""

import json
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.zone_project import ZONE, cluster
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport.answering import answered
from zonewright.ledger.verbs.table import FUNCTIONS
from zonewright.model import Declaration, OwnerFile, Zone
from zonewright.model.demand import demand_of
from zonewright.model.limits import CONFIRMS, DEPTH, INTEGER, ITEMS, TABLE

STACK = "stack-000001"
DIGEST = "sha256:" + "0" * 64


@pytest.fixture(name="context")
def _context(tmp_path: Path) -> Iterator[Context]:
    database = Database(tmp_path / "ledger.db", create=True, lock_wait_s=1)
    yield Context(database=database)
    database.close()


def unbounded(schema: dict[str, Any], definitions: dict[str, Any], path: str, seen: set[str]) -> Iterator[str]:
    """Paths of numbers and texts of a schema that have no limit of their own; lists and mappings have a common one."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        if name not in seen:
            seen.add(name)
            yield from unbounded(definitions[name], definitions, name, seen)
        return
    for below, one in inner(schema):
        yield from unbounded(one, definitions, f"{path}{below}", seen)
    if not ({"enum", "const"} & schema.keys() or is_bounded(schema)):
        yield path


def inner(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas within a schema, with what they add to the path."""
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        yield from (("", one) for one in schema.get(key, ()))
    for key in ("properties", "patternProperties"):
        yield from ((f".{name}", one) for name, one in schema.get(key, {}).items())
    yield from (("[]", schema[key]) for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict))


def is_bounded(schema: dict[str, Any]) -> bool:
    """Whether a number has two ends, and a text a length, a format or a pattern in which nothing repeats for ever."""
    kind, pattern = schema.get("type"), schema.get("pattern", "")
    if kind in ("integer", "number"):
        ends = ({"maximum", "exclusiveMaximum"}, {"minimum", "exclusiveMinimum"})
        return all(end & schema.keys() for end in ends)
    if kind == "string" and not {"maxLength", "format"} & schema.keys():
        repeats = re.sub(r"\[[^]]*\]", "", pattern)  # within a set, the signs are themselves
        return pattern.endswith("$") and not any(sign in repeats for sign in "*+")
    return True


@pytest.mark.parametrize("verb", FUNCTIONS, ids=lambda verb: verb.name)
def test_each_number_and_text_of_a_request_has_a_limit(verb: Any) -> None:
    """A field that is added without one fails here."""
    schema = verb.request.model_json_schema()
    assert list(unbounded(schema, schema.get("$defs", {}), verb.request.__name__, set())) == []


def seats(position: object) -> dict[str, Any]:
    """An evaluation of one node at a position."""
    seat = {"rack": "dc1/a/01/01", "position": position}
    rest = {"lineage": "l", "party": "p", "demand_digest": DIGEST, "addresses": {}}
    return {"stack_id": STACK, **rest, "seats": {"web-001": seat}}


HUGE = {
    "position": ("evaluate", seats(4_000_000_000), "seats.web-001.position"),
    "position of many bits": ("evaluate", seats(2**34), "seats.web-001.position"),
    "position below": ("evaluate", seats(-(2**62)), "seats.web-001.position"),
    "generation": ("release", {"stack_id": STACK, "kind": "node", "name": "n", "generation": 2**63}, "whole number"),
    "page": ("history", {"after": 2**64}, "whole number"),
    "page below": ("history", {"after": -1}, "after"),
    "load": ("energy", {"add_w": 10**18}, "add_w"),
    "name": ("read", {"stack_id": STACK, "kind": "node", "name": "n" * 10_000}, "name"),
    "list": ("fetch", {"digests": [0] * (ITEMS.most + 1)}, "list or mapping"),
    "confirms": (
        "confirm-many",
        {
            "stack_id": STACK,
            "confirms": [{"kind": "node", "name": f"n-{n}", "generation": 0} for n in range(CONFIRMS.most + 1)],
        },
        "confirms",
    ),
    "no confirms": ("confirm-many", {"stack_id": STACK, "confirms": []}, "confirms"),
    "digits": ("history", {"after": int("9" * 4000)}, "whole number"),
    "no end": (
        "confirm",
        {"stack_id": STACK, "kind": "node", "name": "n", "generation": 0, "expect": {"x": 1e999}},
        "finite",
    ),
    "NUL": ("read", {"stack_id": STACK, "kind": "node", "name": "a\0b"}, "NUL"),
    "NUL in a key": (
        "confirm",
        {"stack_id": STACK, "kind": "node", "name": "n", "generation": 0, "expect": {"\0": 1}},
        "NUL",
    ),
}


@pytest.mark.parametrize("name", HUGE)
def test_what_is_too_much_is_a_sentence_and_costs_little(name: str, context: Context) -> None:
    """Status 400, the field or limit by name, and less than 20 MB: a position of 2^34 took 8.9 GB."""
    verb, request, said = HUGE[name]
    body = json.dumps(request).encode()
    tracemalloc.start()
    status, answer = answered(context, verb, body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert status == 400
    assert said in json.loads(answer)["sentence"]
    assert len(answer) < 1000
    assert peak < 20_000_000


def test_a_nul_as_it_is_is_no_json(context: Context) -> None:
    """In JSON a NUL is written in one way only, by which a request that has one is known."""
    for text in (b"a\0b", b"a\xc0\x80b"):
        body = b'{"stack_id":"' + STACK.encode() + b'","kind":"node","name":"' + text + b'"}'
        assert answered(context, "read", body)[0] == 400


@pytest.mark.parametrize(("clusters", "status"), [(5, 200), (6, 400)])
def test_a_demand_stands_for_so_many_nodes(clusters: int, status: int, context: Context) -> None:
    """A line of a declaration stands for 10,000 nodes, so nodes are counted where they are decided: at most 50,000."""
    zone = Zone.model_validate(ZONE)
    assert answered(context, "init", json.dumps({"zone": ZONE}).encode())[0] == 200
    one = OwnerFile.model_validate({"owner": "tenant-a", "clusters": {"web": cluster(10_000)}})
    demand = demand_of(Declaration(zone=zone, owners={"tenant-a": one}), "tenant-a").model_dump(mode="json")
    demand["clusters"] = {f"web-{number}": demand["clusters"]["web"] for number in range(clusters)}
    body = json.dumps({"stack_id": STACK, "party": "tenant-a", "demand": demand}).encode()
    found, answer = answered(context, "propose", body)
    assert found == status, answer[:500]
    assert found == 200 or "at most 50,000 nodes of one owner, got 60,000" in json.loads(answer)["sentence"]


@pytest.mark.parametrize("depth", [DEPTH.most + 1, 150, 5_000, 50_000])
@pytest.mark.parametrize("pair", [("[", "]"), ('{"a":', "}")])
def test_depth_is_a_sentence(depth: int, pair: tuple[str, str], context: Context) -> None:
    """JSON within JSON ends somewhere, whatever parses it."""
    inner = f"{pair[0] * depth}1{pair[1] * depth}"
    body = f'{{"stack_id":"{STACK}","kind":"node","name":"n","generation":0,"expect":{{"x":{inner}}}}}'
    status, answer = answered(context, "confirm", body.encode())
    assert status == 400
    assert json.loads(answer)["sentence"]


def test_the_largest_number_fits_its_column(context: Context) -> None:
    """The limit itself is taken, and reaches the database."""
    request = {"stack_id": STACK, "kind": "node", "name": "n", "generation": INTEGER.most}
    assert answered(context, "release", json.dumps(request).encode())[0] in (200, 409)
    assert answered(context, "history", json.dumps({"after": INTEGER.most}).encode())[0] == 200


def test_each_limit_has_a_reason() -> None:
    """The table says why of each, in a sentence."""
    for one in TABLE:
        assert one.most > 0
        assert one.why.endswith(".")
