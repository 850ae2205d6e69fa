"""A trial that is cut off at any instant, by a kill or a loss of power, and what puts the files back then."""

import os
import subprocess
from pathlib import Path

import pytest

from zonewright.fleet.configs.guard import GUARDS, guard_head, guard_of, promise
from zonewright.fleet.configs.scripts import HEAD
from zonewright.fleet.configs.trial import START, TRIAL

WORD = "word-1"
OLD = {"one.conf": "old 1\n", "zones/two.zone": "old 2\n"}
NEW = {"one.conf": "new 1\n", "zones/three.zone": "new 3\n"}
MOST = 100
CUTTER = """\
#!/bin/sh
if [ -n "$FULL_FROM" ] && [ "$2" = .trial.new ]; then  # no state can be written from then on
  number=$(($(cat "$CUT_COUNT" 2>/dev/null || echo 0) + 1))
  echo "$number" > "$CUT_COUNT"
  [ "$number" -lt "$FULL_FROM" ] || exit 1
fi
[ -z "$CUT_AT" ] || {
  number=$(($(cat "$CUT_COUNT" 2>/dev/null || echo 0) + 1))
  echo "$number" > "$CUT_COUNT"
  if [ "$number" = "$CUT_AT" ]; then kill -9 "$(cat "$CUT_KEEP/pid")"; exit 1; fi
}
[ PROGRAM = sync ] || exec /usr/bin/PROGRAM "$@"
"""


def place(folder: Path) -> Path:
    """A host's folder with a version in force and another one unpacked; gives the folder of its versions."""
    keep, root = folder / "kept" / "names", folder / "root"
    for version, texts in (("names-old", OLD), ("names-new", NEW)):
        for below, text in texts.items():
            path = keep / version / "root" / below
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        lines = "".join(f"root/{below}\t{root}/{below}\n" for below in texts)
        (keep / version / "TARGETS").write_text(lines, encoding="utf-8")
        (keep / version / "MANIFEST").touch()
    (keep / "current").symlink_to("names-old")
    for below, text in OLD.items():
        (root / below).parent.mkdir(parents=True, exist_ok=True)
        (root / below).write_text(text, encoding="utf-8")
    programs = folder / "programs"
    programs.mkdir()
    for name in ("sync", "touch"):
        (programs / name).write_text(CUTTER.replace("PROGRAM", name), encoding="utf-8")
        (programs / name).chmod(0o755)
    reload = f"cat {root}/one.conf >> {folder}/reloads"
    arguments = (str(keep), "names-new", WORD, "5", "5", reload, ":")
    (keep / "guard").write_text(guard_head(arguments) + TRIAL.text, encoding="utf-8")
    (keep / "confirm").write_text(f"{WORD}\n", encoding="utf-8")  # nobody is waited for
    (keep / "trial").write_text(f"names-new\n{WORD}\nstarted\n\n", encoding="utf-8")
    return keep


def run(keep: Path, mode: str, *, cut_at: int | None = None, full_from: int | None = None) -> None:
    """Run the guard's file, which is the trial's text with its arguments.

    It is cut off at a call of sync or touch, or finds no room for its state from one on.
    """
    folder = keep.parent.parent
    environment = {
        "PATH": f"{folder / 'programs'}:/usr/bin:/bin",
        "CUT_AT": str(cut_at or ""),
        "FULL_FROM": str(full_from or ""),
        "CUT_COUNT": str(folder / "count"),
        "CUT_KEEP": str(keep),
    }
    subprocess.run(
        ["sh", str(keep / "guard"), mode], env=environment, check=False, capture_output=True, timeout=300, cwd=folder
    )


def state(keep: Path) -> str:
    """State of the last trial."""
    return (keep / "trial").read_text(encoding="utf-8").splitlines()[2]


def in_force(keep: Path) -> dict[str, str]:
    """The host's files; none of ours lies beside them."""
    root = keep.parent.parent / "root"
    return {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in root.rglob("*") if path.is_file()}


def test_a_trial_that_is_cut_off_at_any_instant_is_put_back_or_was_confirmed(tmp_path: Path) -> None:
    """Before the confirmation the guard restores the old files and reloads them, and after it the new ones stay.

    Each time that the trial touches a file or waits for the disk it is killed. With a loss of power the files are old
    before the network comes up; then no program runs yet that could be reloaded.
    """
    seen = set()
    for number in range(1, MOST):
        keep = place(tmp_path / str(number))
        run(keep, "try", cut_at=number)
        was = state(keep)
        seen.add(was)
        has_power = number % 2
        if not has_power:
            run(keep, "boot")
            assert in_force(keep) == (NEW if was in ("keeping", "kept") else OLD) or was in ("started", "staging"), was
        run(keep, "guard")
        is_kept = state(keep) == "kept"
        assert state(keep) == ("kept" if was in ("keeping", "kept") else "rolled-back"), (number, was)
        assert in_force(keep) == (NEW if is_kept else OLD), (number, was)
        assert (keep / "current").readlink() == Path("names-new" if is_kept else "names-old")
        reloads = tmp_path / str(number) / "reloads"
        last = reloads.read_text(encoding="utf-8").splitlines()[-1:] if reloads.exists() else []
        assert last in ([], ["new 1" if is_kept else "old 1"])
        if int((tmp_path / str(number) / "count").read_text(encoding="utf-8")) < number:
            break
    before = (keep / "trial").read_text(encoding="utf-8")
    run(keep, "guard")  # the timer comes once more
    assert (keep / "trial").read_text(encoding="utf-8") == before
    assert seen == {"started", "staging", "switching", "reloading", "checking", "waiting", "keeping", "kept"}


def test_a_state_that_cannot_be_written_is_not_passed_over(tmp_path: Path) -> None:
    """On a disk without room nothing is switched or kept without a record, so what comes later knows what is so."""
    for number in range(1, 7):
        keep = place(tmp_path / str(number))
        run(keep, "try", full_from=number)
        run(keep, "guard")
        assert state(keep) in ("rolled-back", "failed"), number
        assert in_force(keep) == OLD, number
        assert (keep / "current").readlink() == Path("names-old")


def start(keep: Path, *behind: str) -> str:
    """Why no trial begins; empty where one does, which fails at once since its version is not there."""
    arguments = (str(keep), "no-version", WORD, "5", "5", "", ":")
    command = START.command(str(keep), TRIAL.text, guard_head(arguments), "try", *arguments, *behind)
    command[2] = command[2].replace('arm > "$keep', 'echo none > "$keep')  # not on the machine of the test
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, env=dict(os.environ))
    assert done.returncode in (0, 75), done.stderr
    return done.stderr


def test_a_trial_begins_only_on_what_its_run_has_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who goes back later leaves a host alone that another run has changed since, is changing, or was cut off in."""
    monkeypatch.setenv("HOME", str(tmp_path))
    keep = place(tmp_path)
    cut_off = start(keep, "names-old")
    assert cut_off.startswith("its last trial was cut off a moment ago")
    (keep / "trial").write_text(f"names-old\n{WORD}\nkept\n\n", encoding="utf-8")
    before = (keep / "trial").read_text(encoding="utf-8")
    assert start(keep, "names-new").startswith("another run has changed it to names-old since")
    assert (keep / "trial").read_text(encoding="utf-8") == before
    assert start(keep, "names-old") == ""


def shell(text: str, *, keep: Path) -> str:
    """What a text with the guard's functions prints, for an ordinary user with a cron daemon and without systemd."""
    table = keep / "table"
    faked = (
        "id() { echo 1000; }\n"
        'grep() { case $* in *cron*crond*) return 0 ;; esac; command grep "$@"; }\n'
        f'crontab() {{ if [ "$1" = -l ]; then cat {table}; else cat > {table}.new; mv {table}.new {table}; fi; }}\n'
    )
    script = f"keep={keep}\n{HEAD}{GUARDS}{faked}{text}"
    return subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True, timeout=300).stdout


def test_cron_starts_the_guard_where_there_is_no_systemd(tmp_path: Path) -> None:
    """A line of the user's table is there while a trial goes on, and what others wrote into the table stays."""
    keep = tmp_path / "names"
    keep.mkdir()
    (keep / "table").write_text("0 5 * * * mine\n", encoding="utf-8")
    said = shell('arm | tee "$keep/armed"; arm >/dev/null', keep=keep)
    assert (said, guard_of(said)) == ("cron\n", "cron")
    assert (keep / "table").read_text(encoding="utf-8") == f"0 5 * * * mine\n* * * * * /bin/sh {keep}/guard guard\n"
    shell("disarm", keep=keep)
    assert (keep / "table").read_text(encoding="utf-8") == "0 5 * * * mine\n"


@pytest.mark.parametrize(("printed", "word"), [("systemd\n", "also after a loss of power"), ("none\n", "the next run")])
def test_what_is_promised_of_files_that_nobody_confirmed_holds(printed: str, word: str) -> None:
    """Only where something starts the guard the host is said to restore the files whatever happens."""
    assert word in promise(guard_of(printed))
    assert promise(guard_of("")) == promise("none")
