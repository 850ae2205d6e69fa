"""``zonewright policy``: the folder of the policy pack, for ``pulumi preview --policy-pack``."""

import argparse


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``policy``."""
    parser = commands.add_parser(
        "policy",
        help="print the folder of the policy pack",
        description=(
            "Print the folder of the policy pack. pulumi preview and pulumi up take it with --policy-pack. It says of "
            "a stack's resources what check says of its declaration."
        ),
    )
    parser.set_defaults(run=_run, extra="policy")


def _run(_arguments: argparse.Namespace) -> int:
    from pathlib import Path

    import zonewright.policy.policies  # what the pack needs is there, or the sentence says what is missing

    print(Path(zonewright.policy.policies.__file__).parent / "pack")
    return 0
