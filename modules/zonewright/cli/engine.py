"""`zonewright engine ensure|status|env`: arguments, printing and exit codes of the engine room."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zonewright.engine import Attempt, Engine

_VERSION = 1
"""The version of the JSON that these commands print."""

_NOT_THERE = 1


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `engine` to the main parser."""
    parser = subparsers.add_parser(
        "engine",
        help="find, install or build the Pulumi engine",
        description=("Find, install or build the Pulumi engine, and print the environment that it needs."),
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, function, text in (
        ("ensure", _ensure, "get an engine if there is none, and say which engine is used"),
        ("status", _status, "say which engine is there, and get none (exit code 1: there is none)"),
        ("env", _env, 'print the variables to set, as lines for: eval "$(zonewright engine env)"'),
    ):
        verb = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        verb.add_argument("--format", choices=("text", "json"), default="text", help="how to print (default: text)")
        if name == "ensure":
            verb.add_argument(
                "--language",
                choices=("yaml",),
                help="also build the host of programs in this language, if there is none",
            )
            verb.add_argument(
                "--sdk-generator",
                action="store_true",
                help="also build what `pulumi package gen-sdk` asks for, if the engine has none",
            )
        if name == "env":
            verb.add_argument(
                "--root", type=Path, metavar="FOLDER", help="the project's root (default: the nearest Pulumi.yaml)"
            )
        verb.set_defaults(run=_guarded(function))


def _guarded(function: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Say of an interrupt that nothing half-made is left."""

    def run(arguments: argparse.Namespace) -> int:
        try:
            return function(arguments)
        except KeyboardInterrupt:
            from zonewright.cli.output import NOT_DECIDED, StoppedError

            sentence = "interrupted; nothing incomplete is left; run the command again"
            raise StoppedError(sentence, code=NOT_DECIDED) from None

    return run


def _ensure(arguments: argparse.Namespace) -> int:
    """Get an engine."""
    from zonewright.engine import ensure, ensure_generator, ensure_host

    engine = ensure()
    if arguments.language is not None:
        ensure_host(engine, arguments.language)
    if arguments.sdk_generator:
        ensure_generator(engine)
    _show(engine, arguments.format)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    """Say what there is."""
    from zonewright.engine import status

    now = status()
    if now.engine is not None:
        _show(now.engine, arguments.format)
        return 0
    if arguments.format == "json":
        _print_json({"engine": None, "passed_over": _attempts(now.passed_over), "cache": str(now.cache)})
    else:
        print("engine: none yet; 'zonewright engine ensure' gets one")
        print(f"cache: {now.cache}")
        _print_attempts(now.passed_over)
    return _NOT_THERE


def _env(arguments: argparse.Namespace) -> int:
    """Print the environment."""
    from zonewright.engine import ensure, environment, exports, find_root

    root = arguments.root or find_root(Path.cwd())
    variables = environment(ensure(), root=root)
    if arguments.format == "json":
        _print_json({"environment": dict(sorted(variables.items()))})
    else:
        sys.stdout.write(exports(variables))
    return 0


def _show(engine: "Engine", form: str) -> None:
    """Print one engine."""
    if form == "json":
        described = {
            "pulumi": str(engine.pulumi),
            "version": str(engine.version),
            "how": engine.how,
            "folders": [str(folder) for folder in engine.folders],
        }
        _print_json({"engine": described, "passed_over": _attempts(engine.passed_over)})
        return
    print(f"engine: {engine.pulumi}")
    print(f"version: {engine.version}")
    print(f"obtained by: {engine.how}")
    _print_attempts(engine.passed_over)


def _print_attempts(attempts: "tuple[Attempt, ...]") -> None:
    """Print why the other ways were passed over."""
    for attempt in attempts:
        print(f"passed over: {attempt.way}: {attempt.reason}")


def _attempts(attempts: "tuple[Attempt, ...]") -> list[dict[str, str]]:
    """Give the attempts for JSON."""
    return [{"way": attempt.way, "reason": attempt.reason} for attempt in attempts]


def _print_json(content: dict[str, Any]) -> None:
    """Print one document with the version of its form."""
    print(json.dumps({"version": _VERSION, **content}, indent=2))
