"""The reference page of declarations in Markdown: each type with its fields, made from the JSON Schema."""

from collections.abc import Iterator, Mapping
from typing import Any

from zonewright.declare.schema.shape import Shape, expected, key_expected, member, resolved, thing
from zonewright.model.base import IDENTIFIER_PATTERN

_HEAD = """<!-- Generated: python -m zonewright.declare.schema.json_schema --write -->

# Declarations

A zone is a folder. `zone.yaml` belongs to the zone's administrator. It says who takes part, where, and with which
equipment. Each party declares its own things in one file beside it: `facility-*.yaml`, `network-*.yaml` or
`tenant-*.yaml`. Everything is a mapping by id, so ids are always unique.

Node types also come from files of NetBox's device-type library in `device-types/`, with what
`device-types.overlay.yaml` says beside them. [Use device types](../how-to/use-device-types.md) has the table of what
is derived from what.

Editors complete and check a file if its first line is one of these (paths are relative to the file):

```yaml
# yaml-language-server: $schema=../../../docs/reference/schema/zone.schema.json
# yaml-language-server: $schema=../../../docs/reference/schema/owner.schema.json
# yaml-language-server: $schema=../../../docs/reference/schema/overlay.schema.json
```

## How the files are read

- YAML 1.2: `true` and `false`, decimal numbers, `null`, and text. `yes`, `on`, `12:30` and dates are text. A number
  with a leading zero or in another base is refused. Put ids such as `"007"` in quotes. Keys are always text.
- Anchors, aliases and merge keys (`<<`) work. Tags, a second document and repeated keys are refused.
- An id has 1 to 63 characters of `a-z 0-9 -`. It begins and ends with a letter or digit, so it can be part of a host
  name.
- A key of `rows` may be a range: `01..25` declares 25 identical rows, `r1,r3..r5` declares four. A rack is named by its
  number in the row, in two digits: `site/room/row/rack`, such as `qp-dc1/c/01/07`.
- A cluster with `count: 40` has the nodes `001` to `040`. Its node `003` is called `<cluster>-003`, or as `names` says.
- One run reports all faults, by file and line: `file:line: path: what: expected ..., got ...; fix`.
{limits}
## Whose names are

Others name your sites, ducts, links and networks. So each of these names belongs to one party in the whole zone.

| name | unique in | belongs to |
| --- | --- | --- |
| site, duct, link | the zone | the party that `zone.yaml` reserves it for, else the first that was admitted with it |
| network of an address pool or a link | the zone: no two share an address | in the same way |
| ring | `zone.yaml` | the administrator; the links that it names belong to their parties |
| room, row, rack | its site | the party that holds the site |
| cluster, node | its stack | the stack; two tenants may both have `web-001` |
| name in the DNS | the zone | the party that is part of it: `web-001.tenant-a.qp-dc1.internal` |

The first party has a name from the reservation of its `pulumi up` on, until the resource is deleted. Two stacks of
one party are two: a site, a duct or a link stands in one of them. The rule [`name-owner`](rules.md#name-owner) refuses
a name of somebody else, in the preview and in the admission. It does not say who has it.

`names: {links: [l-a-*]}` of a party in `zone.yaml` reserves all ids that begin so. Of two patterns that fit, the longer
one decides; of two networks, the smaller one. A reservation takes nothing away: whoever has the name keeps it until the
next change of that stack, which is refused until it gives the name up.

A party declares only what its `roles` allow: sites need `facility-operator`, ducts and links need `network-operator`,
clusters need `tenant`. The ledger reads roles from the registered `zone.yaml`.
"""


def page(schemas: list[Shape], limits: Mapping[str, str]) -> str:
    """The page.

    Args:
        schemas: of the files, in the order in which they are to be read.
        limits: what a file may not exceed, as text by name.
    """
    words = ", ".join(f"{value} {name}" for name, value in limits.items())
    limit = f"- A file has at most {words}. Each repetition by an alias counts.\n"
    parts = [_HEAD.replace("{limits}\n", f"{limit}\n")]
    return "".join([*parts, *sections(schemas)]).rstrip() + "\n"


def sections(schemas: list[Shape]) -> Iterator[str]:
    """A section for each declared type of some files, once.

    Args:
        schemas: of the files, in the order in which they are to be read.
    """
    seen: set[str] = set()
    for schema in schemas:
        for shape in _types(schema, schema):
            if shape["title"] not in seen:
                seen.add(shape["title"])
                yield _section(shape, schema)


def _types(shape: Shape, root: Shape) -> Iterator[Shape]:
    """The declared types in the order in which a reader meets them."""
    yield shape
    for field in shape["properties"].values():
        inner = resolved(field, root)
        while (deeper := member(inner)) is not None:
            inner = resolved(deeper, root)
        if "properties" in inner:
            yield from _types(inner, root)


def _section(shape: Shape, root: Shape) -> str:
    title = thing(shape).split(" ", 1)[1].capitalize()
    own = root["$defs"].get(shape["title"], root)["description"]
    rows = [f"\n## {title}\n\n{own}\n\n| field | holds | default | meaning |\n| --- | --- | --- | --- |\n"]
    for name, field in shape["properties"].items():
        holds = _holds(field, root).replace("|", "\\|")
        default = _default(field, required=name in shape.get("required", ()))
        rows.append(
            f"| `{name}` | {holds} | {default} | {field.get('description', '').replace('|', chr(92) + '|')} |\n"
        )
    return "".join(rows)


def _holds(field: Shape, root: Shape) -> str:
    shape = resolved(field, root)
    if "properties" in shape:
        return _link(shape)
    options = shape.get("anyOf", ())
    if len(options) > 1 and not any("format" in option for option in options):
        return ", or ".join(_holds(option, root) for option in options)
    inner = member(shape)
    if inner is not None and shape.get("type") == "object":
        return f"{_holds(inner, root)} by {_key(shape)}"
    if inner is not None:
        return f"list of: {_holds(inner, root)}"
    return "an id" if shape.get("pattern") == IDENTIFIER_PATTERN else expected(shape)


def _key(shape: Shape) -> str:
    words = key_expected(shape).split(",")[0]
    return "id" if words.startswith("an id") else ("id or range" if words.startswith("text") else words)


def _link(shape: Shape) -> str:
    name = thing(shape).split(" ", 1)[1]
    return f"[{name}](#{name.replace(' ', '-')})"


def _default(field: Shape, *, required: bool) -> str:
    if required:
        return "required"
    value: Any = field.get("default")
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, dict):
        return "as below"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
