"""Writes the generated pages of the reference: commands, settings, resource types, verbs of the ledger, the glossary...

`--write` writes them; without it the exit code says whether they are up to date.
"""

import argparse
import ast
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

import zonewright
from zonewright.cli import EXIT_CODES, parser
from zonewright.cli.examples import lines_of
from zonewright.declare.schema.json_schema import published
from zonewright.declare.schema.reference_page import sections
from zonewright.ledger.protocol.rights import DELIVER, EVERYBODY, RIGHTS
from zonewright.ledger.verbs.table import FUNCTIONS
from zonewright.model.fleet import FleetFile
from zonewright.model.limits import CLOCK_BEHIND, TABLE
from zonewright.provider.components import StackComponent
from zonewright.provider.functions import FUNCTIONS as FUNCTIONS_OF_PROVIDER
from zonewright.provider.resources import RESOURCES
from zonewright.provider.schema import INTERNAL, Documented
from zonewright.render.formats import FORMATS
from zonewright.render.formats.format import ROOTS
from zonewright.rules.document import reference_markdown
from zonewright.server.openapi import document

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
GLOSSARY = Path(__file__).with_name("glossary.yaml")
TEXTS = Path(__file__).with_name("reference_texts.yaml")
HEAD = "<!-- Generated: python tools/generate_reference.py --write -->\n"


def texts() -> dict[str, dict[str, str]]:
    """What the pages say and no code does: of settings, of variables, and at the beginning of pages."""
    read: dict[str, dict[str, str]] = yaml.safe_load(TEXTS.read_text(encoding="utf-8"))
    return read


def _introduction(page: str) -> str:
    return f"{texts()['introductions'][page]}\n"


def commands(top: argparse.ArgumentParser, name: str = "zonewright") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command with its parser, in order."""
    yield name, top
    for action in top._actions:  # noqa: SLF001 - argparse has no other way to list them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for child, sub in action.choices.items():
                yield from commands(sub, f"{name} {child}")


def cli_page() -> str:
    """The command line."""
    parts = [HEAD, f"# Command line\n\n{EXIT_CODES}\n"]
    for name, sub in commands(parser()):
        parts.append(f"## {name}\n\n{sub.description}\n")
        rows = []
        for action in sub._actions:  # noqa: SLF001
            if isinstance(action, argparse._SubParsersAction | argparse._HelpAction):  # noqa: SLF001
                continue
            label = ", ".join(action.option_strings) or str(action.metavar or action.dest)
            text = (action.help or "").replace("%(prog)s", "zonewright")
            rows.append(f"| `{label}` | {text} |")
        if rows:
            parts.append("\n".join(["| option | meaning |", "|---|---|", *rows]) + "\n")
        if lines := lines_of(name.partition(" ")[2]):
            parts.append("\n".join(["```text", *lines, "```"]) + "\n")
    return "\n".join(parts)


def settings_page() -> str:
    """Settings and environment variables."""
    parts = [HEAD, "# Settings\n\n## Stack configuration\n\n| key | meaning |", "|---|---|"]
    parts += [f"| `{key}` | {text} |" for key, text in texts()["settings"].items()]
    parts += ["\n## Environment\n\n| variable | meaning |", "|---|---|"]
    parts += [f"| `{key}` | {text} |" for key, text in texts()["variables"].items()]
    return "\n".join(parts) + "\n"


_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Example):$", re.MULTILINE)
_ITEM = re.compile(r"^ {4}(\w[\w.]*): ", re.MULTILINE)


def program_page() -> str:
    """What programs of stacks use, from its docstrings."""
    types = sorted(name for name in zonewright.PLACES if zonewright.PLACES[name] == "zonewright.model")
    listed = ", ".join(f"`{name}`" for name in types)
    declaration = "Their fields are those of [the declaration](declaration.md).\n"
    parts = [HEAD, "# Programs\n", f"{texts()['introductions']['program']} {listed}. {declaration}"]
    for name in sorted(zonewright.PLACES.keys() - set(types), key=str.lower):
        item = getattr(zonewright, name)
        parts += [f"## zonewright.{name}\n", *_documented(item)]
        if not inspect.isclass(item):
            continue
        for inner, value in vars(item).items():
            if isinstance(value, property) and value.fget is not None:
                parts.append(f"`{inner}` ({_type_of(value.fget)}): {_plain(inspect.getdoc(value) or '')}\n")
    return "\n".join(parts)


def _definition(function: Callable[..., Any]) -> ast.FunctionDef:
    """A function as it is written, which is the same for every version of Python."""
    parsed = ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function))))
    return next(node for node in parsed if isinstance(node, ast.FunctionDef))


def _type_of(function: Callable[..., Any]) -> str:
    returns = _definition(function).returns
    return f"`{_unqualified(ast.unparse(returns))}`" if returns is not None else ""


def _unqualified(text: str) -> str:
    return re.sub(r"\bpulumi[.]", "", text)


def _plain(text: str) -> str:
    return text.replace("``", "`")


def _documented(item: Any) -> Iterator[str]:
    """A docstring as Markdown: its text, then each of its sections as a list, an example as code."""
    first, *rest = _SECTION.split(inspect.getdoc(item) or "")
    if not inspect.isclass(item):
        found = _definition(item)
        returns = ast.unparse(found.returns) if found.returns is not None else "None"
        shown = _unqualified(f"{item.__name__}({ast.unparse(found.args)}) -> {returns}")
        yield f"```python\n{shown}\n```\n"
    yield f"{_plain(first.strip())}\n"
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        if title == "Example":
            said, _, code = body.strip("\n").partition("::\n")
            yield f"{_plain(said.strip())}:\n\n```python\n{textwrap.dedent(code).strip()}\n```\n"
            continue
        yield f"{title}:\n"
        items = _ITEM.split(body)
        if len(items) == 1:
            yield f"- {_plain(' '.join(body.split()))}"
        for inner, text in zip(items[1::2], items[2::2], strict=True):
            yield f"- `{inner}`: {_plain(' '.join(text.split()))}"
        yield ""


def resources_page() -> str:
    """Resource types and functions of the provider."""
    parts = [HEAD, "# Resource types\n"]
    described: dict[str, Documented | type[Documented]] = {**RESOURCES, StackComponent.token: StackComponent}
    for token, resource in sorted(described.items()):
        before = "" if token == StackComponent.token else INTERNAL
        parts.append(f"## {token}\n\n{before}{resource.description}\n\n| input | type | meaning |\n|---|---|---|")
        parts += [
            f"| `{name}` | {item.type} | {item.description}{'; a change replaces' if item.replaces else ''} |"
            for name, item in resource.inputs.items()
        ]
        extra = {name: item for name, item in resource.outputs.items() if name not in resource.inputs}
        if extra:
            parts.append("\n| output | type | meaning |\n|---|---|---|")
            parts += [f"| `{name}` | {item.type} | {item.description} |" for name, item in extra.items()]
        parts.append("")
    parts.append("# Functions\n")
    for token, function in sorted(FUNCTIONS_OF_PROVIDER.items()):
        parts.append(f"## {token}\n\n{function.description}")
        for title, items in (("input", function.inputs), ("output", function.outputs)):
            parts.append(f"\n| {title} | type | meaning |\n|---|---|---|")
            parts += [
                f"| `{name}` | {item.type} | {item.description}{'' if item.required else '; optional'} |"
                for name, item in items.items()
            ]
        parts.append("")
    return "\n".join(parts)


def ledger_page() -> str:
    """Verbs of the ledger."""
    parts = [
        HEAD,
        (
            "# Ledger\n\n`POST /v1/<verb>` with a JSON request: 200 answer, 400 misuse, 401 no token that is good, "
            "403 not allowed, 409 refused, 503 not decided. [Rights](rights.md) says who may call what.\n"
        ),
        _introduction("clock").format(clock_behind_s=CLOCK_BEHIND.most),
    ]
    for verb, function in FUNCTIONS.items():
        summary = (function.__doc__ or "").strip().splitlines()[0]
        parts.append(f"## {verb.name}\n\n{summary}\n")
        for kind, message in (("request", verb.request), ("answer", verb.answer)):
            fields = ", ".join(f"`{name}`" for name in message.model_fields) or "nothing"
            parts.append(f"- {kind} `{message.__name__}`: {fields}")
        parts.append("")
    return "\n".join(parts)


def openapi_page() -> str:
    """The service's interface, as the service itself publishes it."""
    return json.dumps(document(), indent=1, ensure_ascii=False)


def rights_page() -> str:
    """Who may call which verb of the ledger."""
    head = (
        "# Rights\n\nWho may call a ledger that is served. Each call brings the token of a principal, which belongs to "
        "one party and has roles. *own*: on what belongs to its party, or to nobody. *all*: also on what belongs to "
        "another party. An empty cell is denied. A principal whose access names stacks or verbs may touch no others. "
        "Whoever has the ledger's file is not asked. `deliver` is no verb: it is the right to send readings of the "
        "hosts of one's own sites by [OTLP](telemetry.md). See [give access](../how-to/give-access.md).\n"
    )
    roles = sorted(EVERYBODY)
    parts = [HEAD, head, f"| verb | {' | '.join(roles)} |", f"|---|{'---|' * len(roles)}"]
    for name in (*(verb.name for verb in FUNCTIONS), DELIVER):
        right = RIGHTS[name]
        cells = ["all" if role in right.other else "own" if role in right.own else "" for role in roles]
        parts.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(parts) + "\n"


def limits_page() -> str:
    """How much of anything is taken, and why."""
    head = (
        f"{HEAD}\n# Limits\n\nHow much of anything that comes from outside is taken. What is more is refused in a "
        "sentence: by the service with status 400 or 413, on the command line with exit code 2. A value of telemetry "
        "that goes beyond its limit is set aside, and the rest of its batch is kept. Fields that have a closer limit "
        "say so in [the declaration](declaration.md).\n\n| what | at most | why |\n|---|---|---|\n"
    )
    rows = (f"| {one.what} | {one.most:,}{f' {one.unit}' if one.unit else ''} | {one.why} |" for one in TABLE)
    return head + "\n".join(rows) + "\n"


def fleet_page() -> str:
    """The fleet's file."""
    parts = [HEAD, "\n# fleet.yaml\n\n", _introduction("fleet"), *sections([published(FleetFile)])]
    return "".join(parts).rstrip() + "\n"


def formats_page() -> str:
    """Configuration formats."""
    parts = [
        HEAD,
        "# Configuration formats\n",
        _introduction("formats"),
    ]
    for item in FORMATS:
        parts.append(f"## {item.id}\n\n{item.title}.\n\n{item.description}\n")
        root = ROOTS[item.subject]
        if item.of_routers:
            parts.append(f"- of a second router: below `{ROOTS['router']}`")
        for file in item.files:
            each = f", for each of `{item.subject}.{file.each}`" if file.each else ""
            parts.append(f"- path: `{root}/{file.path}`{each}, from the template `{file.template}`")
        quoting = ", ".join(f"`{name}`" for name in sorted(item.filters))
        parts.append(f"- filters: {quoting}" + (f"; only where `{item.subject}.{item.needs}`" if item.needs else ""))
        if item.check is None:
            parts.append("- validator: none\n")
            continue
        commands = ", ".join(f"`{item.check.program} {' '.join(arguments)}`" for arguments in item.check.commands)
        parts.append(f"- validator: {commands} (package `{item.check.package}`)\n")
    return "\n".join(parts)


def agent_page() -> str:
    """Settings of the agent: the comments of its class, with types and defaults."""
    sys.path.insert(0, str(FOLDER.parents[1] / "agents"))
    from zonewright_agent.configuration import FIELDS, Configuration  # noqa: PLC0415 - not part of the package

    node = ast.parse(inspect.getsource(Configuration)).body[0]
    body = node.body if isinstance(node, ast.ClassDef) else []
    notes = {
        one.target.id: two.value.value
        for one, two in pairwise(body)
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
        if isinstance(two, ast.Expr) and isinstance(two.value, ast.Constant)
    }
    head = (
        "# Settings of the agent\n\nThe settings are a TOML file without tables. `--check-config` reports all faults,\n"
        "each with its line. See [run the agent](../how-to/run-the-agent.md). [Telemetry](telemetry.md) says what the\n"
        "agent sends.\n"
    )
    parts = [HEAD, head, "| setting | default | meaning |\n|---|---|---|"]
    for name in FIELDS:
        default = f"`{_toml(getattr(Configuration, name))}`" if hasattr(Configuration, name) else "required"
        parts.append(f"| `{name}` | {default} | {str(notes[name]).replace('``', '`')} |")
    return "\n".join(parts) + "\n"


def gateway_page() -> str:
    """What a gateway's devices may say, and the register maps that come along."""
    sys.path.insert(0, str(FOLDER.parents[1] / "agents"))
    from zonewright_gateway.modbus.maps import shipped_maps  # noqa: PLC0415 - not part of the package
    from zonewright_gateway.settings import COMMON, OWN, PORTS, TOP, Setting  # noqa: PLC0415
    from zonewright_gateway.snmp.families import families  # noqa: PLC0415

    def table(settings: Mapping[str, Setting]) -> str:
        rows = ["| setting | default | meaning |", "|---|---|---|"]
        for name, one in settings.items():
            default = "required" if one.is_required else "" if one.default is None else f"`{_toml(one.default)}`"
            words = f" One of: {', '.join(f'`{word}`' for word in one.words)}." if one.words else ""
            span = f" ({one.low:,g} to {one.high:,g})" if one.high else ""
            rows.append(f"| `{name}` | {default} | {one.meaning.removesuffix('.')}{span}.{words} |")
        return "\n".join(rows) + "\n"

    head = (
        "# Devices of a gateway\n\n`devices.yaml` lies beside the [settings of the agent](agent.md), which hold for a\n"
        "gateway too. `--check-config` reports all faults, each with its line. See\n"
        "[meter a site with a gateway](../how-to/meter-a-site-with-a-gateway.md).\n"
    )
    parts = [HEAD, head, table(TOP), "## Each device\n", table(COMMON)]
    for protocol, own in OWN.items():
        parts += [f"## `protocol: {protocol}`\n\nThe usual port is {PORTS[protocol]}.\n"]
        parts += [table(own)] if own else []
    parts.append("## Families of PDUs for SNMP\n\n| family | PDUs | source |\n|---|---|---|")
    parts += [f"| `{name}` | {one.title} | {one.source} |" for name, one in sorted(families().items())]
    parts.append("\n## Register maps for Modbus\n\n| map | meters | source |\n|---|---|---|")
    parts += [f"| `{name}` | {one.title} | {one.source} |" for name, one in sorted(shipped_maps().items())]
    return "\n".join(parts) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return json.dumps(value)


def rules_page() -> str:
    """Rules, each with what it says of its first failing case."""
    sys.path.insert(0, str(FOLDER.parents[1] / "tests"))
    from support.rule_cases import examples  # noqa: PLC0415 - not part of the package

    return reference_markdown(examples())


def glossary() -> list[dict[str, str]]:
    """The entries of the glossary as they are written: term, meaning, where there is one the name here, known as."""
    entries: list[dict[str, str]] = yaml.safe_load(GLOSSARY.read_text(encoding="utf-8"))
    return entries


def glossary_page() -> str:
    """Words with their meaning, and the names that others have for the same things."""
    parts = [HEAD, "# Glossary\n", _introduction("glossary"), "| term | meaning | here | known as |\n|---|---|---|---|"]
    for entry in glossary():
        here = f"`{entry['here']}`" if "here" in entry else ""
        parts.append(f"| **{entry['term']}** | {entry['meaning']} | {here} | {entry['known_as']} |")
    return "\n".join(parts) + "\n"


PAGES = {
    "rules.md": rules_page,
    "formats.md": formats_page,
    "cli.md": cli_page,
    "settings.md": settings_page,
    "resources.md": resources_page,
    "program.md": program_page,
    "ledger.md": ledger_page,
    "rights.md": rights_page,
    "openapi.json": openapi_page,
    "limits.md": limits_page,
    "agent.md": agent_page,
    "gateway.md": gateway_page,
    "fleet.md": fleet_page,
    "glossary.md": glossary_page,
}


def main() -> int:
    """Write or compare the pages."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true", help="write the pages")
    write = arguments.parse_args().write
    stale = []
    for name, page in PAGES.items():
        path, text = FOLDER / name, page().rstrip() + "\n"
        if write:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    for name in stale:
        print(f"docs/reference/{name} is out of date: python tools/generate_reference.py --write")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
