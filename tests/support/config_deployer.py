"""A deployer of configurations as a process of its own, to be killed: ``python -m support.config_deployer``.

It takes no lease, so that the one after it need not wait for the lease of the one that was killed.
"""

import sys

from zonewright.cli import parser
from zonewright.cli.fleet.configs import opened
from zonewright.fleet.rollout.rollout import roll_out


def main() -> int:
    """Roll the project's configurations out; prints the state of each host."""
    arguments = parser().parse_args(["fleet", "deploy", "--configs"])
    with opened(arguments) as work:
        outcomes = roll_out(work.fleet.chosen, work.job, work.rollout, observe=lambda _event: None)
    sys.stdout.writelines(f"{one.host} {one.state} {one.sentence}\n" for one in outcomes)
    return 0 if {one.state for one in outcomes} <= {"changed", "unchanged"} else 1


if __name__ == "__main__":
    sys.exit(main())
