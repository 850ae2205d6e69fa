"""``zonewright init``: a small zone with its stacks in a repository of the user's own."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zonewright.declare.schema.json_schema import SchemaKind

_NAME = re.compile(r"[^a-z0-9-]+")
PROGRAM = ("Pulumi.yaml", "__main__.py", "provider/PulumiPlugin.yaml", "provider/__main__.py")
SCHEMAS: dict[str, "SchemaKind"] = {"schema/zone.schema.json": "zone", "schema/owner.schema.json": "owner"}
CI = {"github": ("ci/github.yml", ".github/workflows/zone.yml"), "gitlab": ("ci/gitlab.yml", ".gitlab-ci.yml")}
STACKS = {"operator": "zone/facility-operator.yaml", "tenant-one": "zone/tenant-one.yaml"}

NEXT = """\
next, in {folder}:
  zonewright check zone
  eval "$(zonewright engine env)"     # or your own pulumi and login
  zonewright ledger init zone
  pulumi stack select --create operator && pulumi up
  pulumi stack select --create tenant-one && pulumi up"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``init``."""
    parser = commands.add_parser(
        "init",
        help="start a zone in a repository of your own",
        description=("Write a small zone, a Pulumi project and two stacks. Existing files are never overwritten."),
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(), metavar="FOLDER", help=("folder to write to (default: here)")
    )
    parser.add_argument(
        "--ci", choices=tuple(CI), help="also write a pipeline for this system: check, preview and report, apply"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from importlib.resources import files

    from zonewright.cli.output import GOOD, MISUSE, REFUSED, StoppedError
    from zonewright.cli.stack import write_configuration
    from zonewright.declare.schema.json_schema import schema_text

    folder = arguments.folder.absolute()
    if folder.exists() and not folder.is_dir():
        raise StoppedError(f"{folder} is a file; name a folder", code=MISUSE)
    source = files("zonewright_templates").joinpath("project")
    texts = {
        ".gitignore": source.joinpath("gitignore").read_text(encoding="utf-8"),
        **{
            name: source.joinpath(name).read_text(encoding="utf-8")
            for name in (*PROGRAM, "zone/zone.yaml", *STACKS.values())
        },
        **{name: schema_text(kind) for name, kind in SCHEMAS.items()},
    }
    if arguments.ci:
        pipeline, target = CI[arguments.ci]
        texts[target] = source.joinpath(pipeline).read_text(encoding="utf-8")
    wanted = [*texts, *(f"Pulumi.{name}.yaml" for name in STACKS)]
    present = [name for name in wanted if (folder / name).exists() and name != ".gitignore"]
    if present:
        raise StoppedError(f"{', '.join(present)} exist in {folder}; nothing was written", code=REFUSED)
    name = _NAME.sub("-", folder.name.lower()).strip("-")[:40].strip("-") or "zone"
    for path, text in texts.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.write_text(text.replace("PROJECT", name), encoding="utf-8")
    (folder / ".zonewright").mkdir(exist_ok=True)
    for stack, declaration in STACKS.items():
        write_configuration(folder, stack, Path(declaration), None)
    print(f"wrote {len(texts) + len(STACKS)} files: zone '{name}' with one facility and one tenant\n")
    print(NEXT.format(folder=folder))
    return GOOD
