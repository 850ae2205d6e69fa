"""Options that several commands have; imports nothing, so that ``zonewright --help`` stays quick."""

import argparse


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add ``--format text|json``."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print (default: text)")
