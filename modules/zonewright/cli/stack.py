"""``zonewright stack new``: a stack's configuration with an identity of its own."""

import argparse
import sys
from pathlib import Path


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``stack``."""
    parser = commands.add_parser("stack", help="make a stack's configuration", description="Work on stacks.")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    new = verbs.add_parser(
        "new",
        help="write Pulumi.<NAME>.yaml with a new stack id",
        description="Write the configuration of a new stack: its declaration, its ledger and a stack id of its own.",
    )
    new.add_argument("name", metavar="NAME", help="name of the stack")
    new.add_argument("--party", required=True, metavar="PARTY", help="owner of the declaration")
    new.add_argument("--declaration", type=Path, metavar="FILE", help="the owner's file, relative to the project")
    new.add_argument("--ledger", metavar="URL", help="the ledger's URL (default: a file of this checkout)")
    new.set_defaults(run=_new)


def _new(arguments: argparse.Namespace) -> int:
    import secrets

    from zonewright.cli.output import GOOD, MISUSE, REFUSED
    from zonewright.declare import load_stack
    from zonewright.declare.stack_file import DEFAULT_LEDGER, StackFile, project_root, stack_path

    root = project_root(Path.cwd())
    path = stack_path(root, arguments.name)
    if path.exists():
        print(f"error: {path} exists; a stack keeps its id, so choose another name", file=sys.stderr)
        return MISUSE
    declaration = arguments.declaration or _only_file_of(root, arguments.party)
    if declaration is None:
        print(
            f"error: no declaration given and none or several found whose owner is '{arguments.party}'; "
            "name it with --declaration FILE",
            file=sys.stderr,
        )
        return MISUSE
    loaded = load_stack(root / declaration)
    if loaded.declaration is None or loaded.problems:
        for problem in loaded.problems:
            print(problem)
        print(f"error: {declaration} has faults; correct them first, nothing was written", file=sys.stderr)
        return REFUSED
    owner = next(iter(loaded.declaration.owners))
    if owner != arguments.party:
        print(f"error: {declaration} is declared by '{owner}', not by '{arguments.party}'", file=sys.stderr)
        return MISUSE
    stack_id = f"{arguments.name}-{secrets.token_hex(6)}"[-64:].lstrip("._-")
    file = StackFile(
        name=arguments.name,
        declaration=declaration.as_posix(),
        ledger=arguments.ledger or DEFAULT_LEDGER,
        stack_id=stack_id,
    )
    path.write_text(file.text(), encoding="utf-8")
    print(f"wrote {path}\nnext: pulumi stack select --create {arguments.name} && pulumi up")
    return GOOD


def _only_file_of(root: Path, party: str) -> Path | None:
    found = []
    for path in sorted(root.glob("stacks/zones/*/*.yaml")):
        with path.open(encoding="utf-8", errors="replace") as lines:
            if any(line.split("#")[0].strip() == f"owner: {party}" for line in lines):
                found.append(path.relative_to(root))
    return found[0] if len(found) == 1 else None
