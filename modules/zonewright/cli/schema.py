"""``zonewright schema``: the JSON Schema of the files that people write, for editors."""

import argparse


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``schema``."""
    parser = commands.add_parser(
        "schema",
        help="print the JSON Schema of a declaration",
        description="Print the JSON Schema (draft 2020-12) of a file that people write, for editors.",
    )
    parser.add_argument("kind", choices=("zone", "owner", "overlay", "meters-csv"), help="which file")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.declare.schema.json_schema import schema_text

    print(schema_text(arguments.kind), end="")
    return 0
