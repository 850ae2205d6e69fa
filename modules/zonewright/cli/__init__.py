"""The command line: arguments, printing and exit codes, nothing else.

Exit codes: 0 good, 1 findings or refused, 2 misuse, 3 not decided (for example the ledger cannot be reached).
Each command imports what it runs only when it runs, so that ``zonewright --help`` is quick.
"""

import argparse
import sys
from collections.abc import Sequence

from zonewright import __version__
from zonewright.cli import (
    access,
    adopt,
    audit,
    change,
    check,
    completion,
    diff,
    drain,
    engine,
    explain,
    export,
    fit,
    fleet,
    init,
    ledger,
    outage,
    policy,
    pue,
    recover,
    remediate,
    render,
    reserve,
    rules,
    schema,
    secret,
    serve,
    stack,
    watch,
    zone,
)
from zonewright.cli.parser import Parser
from zonewright.collector import collect_rarely

COMMANDS = (
    init,
    check,
    fit,
    explain,
    outage,
    drain,
    zone,
    rules,
    adopt,
    export,
    pue,
    watch,
    render,
    diff,
    remediate,
    change,
    audit,
    stack,
    reserve,
    ledger,
    access,
    recover,
    serve,
    fleet,
    secret,
    policy,
    engine,
    schema,
    completion,
)


EXIT_CODES = (
    "Exit codes: 0 good; 1 findings or refused; 2 misuse: an argument, a file or a URL cannot be used; 3 not decided, "
    "for example because the ledger or a host cannot be reached. Errors are sentences on standard error, one in a "
    "line; --debug shows where they come from."
)


def parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The whole command line, or as much of it as some words need: the other commands take 25 ms of CPU.

    Args:
        words: what is to be parsed; the first names a command, as its module does.
    """
    wanted = [command for command in COMMANDS if [command.__name__.rpartition(".")[2]] == list(words[:1])]
    top = Parser(
        prog="zonewright",
        description="Infrastructure as code for the compute clusters of a shared zone.",
        epilog=EXIT_CODES,
    )
    top.add_argument("--version", action="version", version=f"zonewright {__version__}")
    top.set_defaults(extra="stack")  # a command that needs another one says so
    top.add_argument("--debug", action="store_true", help="show tracebacks")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for command in wanted or COMMANDS:
        command.add_parser(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: arguments without the program's name; None takes them from the process.

    Returns:
        The exit code.
    """
    if argv is None:  # the process is ours
        collect_rarely()
    words = sys.argv[1:] if argv is None else argv
    arguments = parser(words).parse_args(words)
    try:
        return int(arguments.run(arguments))
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone; nothing is left to tell it
        return 0
    except (Exception, KeyboardInterrupt) as error:  # also what nobody foresaw; that is told as a fault
        if arguments.debug and isinstance(error, Exception):
            raise
        from zonewright.cli.output import report_error

        return report_error(error, extra=arguments.extra)
