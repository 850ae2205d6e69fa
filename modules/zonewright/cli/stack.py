"""``zonewright stack new``: a stack's configuration with an identity of its own."""

import argparse
import os
from pathlib import Path

_ZONES = ("zone.yaml", "*/zone.yaml", "zones/*/zone.yaml", "stacks/zones/*/zone.yaml")
"""Where a project has the folders of its zones."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``stack``."""
    parser = commands.add_parser(
        "stack", help="give stacks their configuration and identity", description=("Work with stacks.")
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    new = verbs.add_parser(
        "new",
        help="write a stack's configuration with an identity of its own",
        description="Write Pulumi.NAME.yaml with the owner's file, the ledger and a new stack id.",
    )
    new.add_argument("name", nargs="?", metavar="NAME", help="name of the stack")
    new.add_argument("--party", metavar="PARTY", help="who owns the stack")
    new.add_argument(
        "--declaration", type=Path, metavar="FILE", help=("the owner's file (default: the only one of PARTY)")
    )
    new.add_argument("--ledger", metavar="URL", help="the ledger's URL (default: a file of this checkout)")
    new.add_argument(
        "--all", type=Path, metavar="ZONE", help=("write one for each owner of this zone's folder instead")
    )
    new.add_argument(
        "--loaded",
        action="store_true",
        help="give it the id under which `ledger load` brought PARTY in; its first `pulumi up` takes that over",
    )
    new.set_defaults(run=_new)


def _new(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import GOOD, MISUSE, StoppedError
    from zonewright.declare.stack_file import project_root, stack_path
    from zonewright.ledger.protocol.ledger_url import require_url

    root = project_root(Path.cwd())
    if arguments.ledger is not None:
        require_url(arguments.ledger)
    if arguments.all is not None and arguments.loaded:
        raise StoppedError("--loaded is for one stack; give NAME and --party PARTY, without --all", code=MISUSE)
    if arguments.all is not None:
        return _all(root, Path(os.path.realpath(arguments.all)), arguments.ledger)
    if arguments.name is None or arguments.party is None:
        raise StoppedError("give NAME and --party PARTY, or --all ZONE", code=MISUSE)
    path = stack_path(root, arguments.name)
    if path.exists():
        raise StoppedError(f"{path} exists; a stack keeps its id, so choose another name", code=MISUSE)
    declaration = arguments.declaration or _only_file_of(root, arguments.party)
    _require_owner(root, declaration, arguments.party)
    stack_id = _loaded_id(arguments.party) if arguments.loaded else None
    write_configuration(root, arguments.name, declaration, arguments.ledger, stack_id)
    print(f"wrote {path}\nnext: pulumi stack select --create {arguments.name} && pulumi up")
    return GOOD


def _loaded_id(party: str) -> str:
    from zonewright.ledger.protocol.stack_messages import stack_id_of

    return stack_id_of(party)


def _require_owner(root: Path, declaration: Path, party: str) -> None:
    """Refuse a declaration with faults, or of somebody else."""
    from zonewright.cli.output import MISUSE, REFUSED, StoppedError
    from zonewright.declare.load import load_stack

    loaded = load_stack(root / declaration)
    if loaded.declaration is None or loaded.problems:
        for problem in loaded.problems:
            print(problem)
        raise StoppedError(f"{declaration} has faults; correct them first, nothing was written", code=REFUSED)
    owner = next(iter(loaded.declaration.owners))
    if owner != party:
        raise StoppedError(f"{declaration} is declared by '{owner}', not by '{party}'", code=MISUSE)


def write_configuration(
    root: Path, name: str, declaration: Path, ledger: str | None, stack_id: str | None = None
) -> None:
    """Write a stack's configuration, with an identity of its own where it is given none."""
    import secrets

    from zonewright.declare.stack_file import DEFAULT_LEDGER, StackFile, stack_path

    stack_id = stack_id or f"{name}-{secrets.token_hex(6)}"[-64:].lstrip("._-")
    file = StackFile(name=name, declaration=declaration.as_posix(), ledger=ledger or DEFAULT_LEDGER, stack_id=stack_id)
    stack_path(root, name).write_text(file.text(), encoding="utf-8")


def _all(root: Path, zone: Path, ledger: str | None) -> int:
    """One stack for each owner, named after it; those that exist keep their ids."""
    from zonewright.cli.output import GOOD, MISUSE, REFUSED, StoppedError
    from zonewright.declare.load import load_zone, owner_files
    from zonewright.declare.stack_file import stack_path

    if not zone.is_relative_to(root):
        raise StoppedError(f"{zone} is outside {root}; a stack names its declaration relative to it", code=MISUSE)
    loaded = load_zone(zone)
    if loaded.declaration is None or loaded.problems:
        for problem in loaded.problems:
            print(problem)
        raise StoppedError(f"{zone} has faults; correct them first, nothing was written", code=REFUSED)
    for owner, file in owner_files(zone).items():
        path = stack_path(root, owner)
        if path.exists():
            print(f"{path.relative_to(root)} exists and keeps its id")
        else:
            write_configuration(root, owner, file.relative_to(root), ledger)
            print(f"wrote {path.relative_to(root)}")
    print("next: pulumi stack select --create OWNER && pulumi up, facilities before networks before tenants")
    return GOOD


def _only_file_of(root: Path, party: str) -> Path:
    """The one declaration of a party, beside a ``zone.yaml`` where people have theirs."""
    from zonewright.cli.output import MISUSE, StoppedError

    found = []
    folders = [path.parent for pattern in _ZONES for path in sorted(root.glob(pattern))]
    for path in [path for folder in folders for path in sorted(folder.glob("*.yaml")) if path.is_file()]:
        with path.open(encoding="utf-8", errors="replace") as lines:
            if any(line.split("#")[0].strip() == f"owner: {party}" for line in lines):
                found.append(path.relative_to(root))
    if len(found) == 1:
        return found[0]
    got = ", ".join(str(path) for path in found) or f"none beside {', '.join(_ZONES)}"
    raise StoppedError(
        f"expected exactly one file with 'owner: {party}' in {root}, got {got}; name the file with --declaration FILE",
        code=MISUSE,
    )
