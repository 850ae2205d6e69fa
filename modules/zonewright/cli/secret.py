"""``zonewright secret``: references to secrets in rendered files, and their values where files are installed."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from zonewright.fleet.secrets.fingerprints import SecretStanding

RECORD = Path(".zonewright/fingerprints.json")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``secret``."""
    parser = commands.add_parser(
        "secret",
        help="list references to secrets, and fill in their values",
        description=(
            "Rendered files hold references to secrets. These commands read the values, only on the machine that "
            "installs the files."
        ),
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    key = verbs.add_parser(
        "key",
        help="make the zone's fingerprint key",
        description=(
            "Make the zone's fingerprint key. Fingerprints show whether a secret has changed. A zone has one "
            "key: copy it to each machine that installs files."
        ),
    )
    key.add_argument("--rotate", action="store_true", help="add a newer key to the existing ones")
    key.set_defaults(run=_key)
    shown = verbs.add_parser(
        "list",
        help="list the references of rendered files",
        description=(
            "List the references of rendered files. With --changed, read their values on this machine, and say "
            "whether each has changed since files were last installed. Values are never shown."
        ),
    )
    _add_source(shown)
    shown.add_argument("--changed", action="store_true", help="say whether each value has changed")
    add_format(shown)
    shown.set_defaults(run=_list)
    fill = verbs.add_parser(
        "fill",
        help="write rendered files with their values",
        description=(
            "Read the values of all references on this machine, and write the files with them to a new folder "
            "that only this user can read. If one value is not available, nothing is written."
        ),
    )
    _add_source(fill)
    fill.add_argument("output", type=Path, metavar="DIR", help=("folder to write; it must be new or empty"))
    fill.set_defaults(run=_fill)


def _add_source(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("source", type=Path, metavar="RENDERED", help="a rendered file, or a folder of them")
    verb.add_argument(
        "--record",
        type=Path,
        default=RECORD,
        metavar="FILE",
        help=f"fingerprints of what was last installed (default: {RECORD})",
    )


def _key(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import REFUSED, ending_with
    from zonewright.fleet.secrets.fingerprints import key_file_here, make_key

    path = key_file_here()
    with ending_with(REFUSED):
        make_key(path, rotate=arguments.rotate)
    print(path)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import MISUSE, ending_with, print_json
    from zonewright.fleet.secrets.filling import read_files, references_of

    with ending_with(MISUSE):
        references = references_of(read_files(arguments.source))
    found = standings_here([one.text for one in references], arguments.record) if arguments.changed else ()
    if arguments.format == "json":
        changed = {one.reference: one.changed for one in found}
        print_json(
            {"secrets": [{"reference": one.text, "changed": changed.get(one.text)} for one in references]},
        )
        return 0
    for line in standing_lines(found) if arguments.changed else [one.text for one in references]:
        print(line)
    return 0


def _fill(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import REFUSED, ending_with
    from zonewright.fleet.secrets.filling import filled, read_files, references_of, write_files
    from zonewright.fleet.secrets.fingerprints import key_file_here, read_keys, read_record, standings, write_record
    from zonewright.fleet.secrets.sources import sources_here

    sources = sources_here()
    with ending_with(REFUSED):
        files = read_files(arguments.source)
        references = references_of(files)
        values = filled(files, sources)
        if references:
            before = read_record(arguments.record)
            found = standings(references, sources, read_keys(key_file_here()), before)
            write_files(arguments.output, values)
            write_record(arguments.record, before | {one.reference: one.fingerprint for one in found})
            for line in standing_lines(found):
                print(line)
        else:
            write_files(arguments.output, values)
    print(f"{len(files):,} files in {arguments.output}")
    return 0


def standings_here(references: "Sequence[str]", record: Path) -> "Sequence[SecretStanding]":
    """Whether secrets have changed since files were last installed, read on this machine.

    Args:
        references: the references.
        record: file of the fingerprints.

    Raises:
        SecretError: when a value, the key or the record cannot be had.
    """
    from zonewright.fleet.secrets.fingerprints import key_file_here, read_keys, read_record, standings
    from zonewright.fleet.secrets.sources import sources_here
    from zonewright.model.secret import reference_of

    if not references:
        return ()
    keys = read_keys(key_file_here())
    return standings([reference_of(text) for text in references], sources_here(), keys, read_record(record))


def standing_lines(found: "Sequence[SecretStanding]") -> list[str]:
    """One line for each secret."""
    return [f"{one.reference}: changed: {one.changed}" for one in found]


def refuse_secrets(places: "Iterable[str]") -> None:
    """Say where something looks like a secret and is not written for that.

    Raises:
        StoppedError: where anything does.
    """
    from zonewright.cli.output import REFUSED, StoppedError

    found = list(places)
    for place in found:
        print(place)
    if found:
        sentence = "this looks like a secret, so nothing was written; see docs/how-to/keep-secrets-out.md"
        raise StoppedError(sentence, code=REFUSED)
