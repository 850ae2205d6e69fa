"""The turn to change a host is kept on the host: two fleets that name it, also in two ledgers, change it in turn."""

import os
import subprocess
from pathlib import Path

from zonewright.fleet.turn import TURN, turn_arguments


def take(home: Path, holder: str, seconds: float = 60.0, who: str = "ada@desk") -> subprocess.CompletedProcess[str]:
    """What a script that takes the turn ends with; root's folder is the user's here."""
    text = f'id() {{ echo 1000; }}\n{TURN}set -eu\nturn "$@"\necho mine\n'
    command = ["sh", "-c", text, "zonewright-turn", *turn_arguments(holder, who, seconds)]
    environment = {**os.environ, "HOME": str(home)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_host_is_changed_by_one_operator_at_a_time(tmp_path: Path) -> None:
    """Another one is told who is at work and how long; the same one goes on, and a time that is over counts no more."""
    assert take(tmp_path, "north").stdout == "mine\n"
    assert take(tmp_path, "north", who="bo@desk").stdout == "mine\n"
    refused = take(tmp_path, "south")
    assert (refused.returncode, refused.stdout) == (75, "")
    assert refused.stderr.startswith("bo@desk of north changes this host now; wait ")
    assert take(tmp_path, "north", seconds=0).stdout == "mine\n"
    assert take(tmp_path, "south").stdout == "mine\n"
    assert take(tmp_path, "").stdout == "mine\n"  # who names no operator takes no turn
    turn = tmp_path / ".zonewright" / "turn"
    turn.write_text(turn.read_text(encoding="ascii").replace("-", "+", 1), encoding="ascii")  # of another boot
    assert take(tmp_path, "north").stdout == "mine\n"
    turn.write_text("torn", encoding="ascii")
    assert take(tmp_path, "south").stdout == "mine\n"
