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
    audit,
    change,
    check,
    diff,
    engine,
    explain,
    fit,
    fleet,
    init,
    ledger,
    pue,
    recover,
    render,
    reserve,
    schema,
    secret,
    serve,
    stack,
    zone,
)

COMMANDS = (
    init,
    check,
    fit,
    explain,
    zone,
    pue,
    render,
    diff,
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
    engine,
    schema,
)


EXIT_CODES = (
    "Exit codes: 0 good; 1 findings or refused; 2 misuse: an argument, a file or a URL cannot be used; 3 not decided, "
    "for example because the ledger or a host cannot be reached. Errors are sentences on standard error, one in a "
    "line; --debug shows where they come from."
)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="zonewright",
        description="Infrastructure as code for the compute clusters of a shared zone.",
        epilog=EXIT_CODES,
    )
    top.add_argument("--version", action="version", version=f"zonewright {__version__}")
    top.set_defaults(extra="stack")  # a command that needs another one says so
    top.add_argument("--debug", action="store_true", help="show tracebacks")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: arguments without the program's name; None takes them from the process.

    Returns:
        The exit code.
    """
    arguments = parser().parse_args(argv)
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
