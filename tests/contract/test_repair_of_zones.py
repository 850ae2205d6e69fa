"""A joint repair that a script applies: `check --fix` writes all that the files of a faulty zone need."""

from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import yaml

from support.faulty_zones import faulty_zone
from support.soak import rounds
from zonewright.cli import main
from zonewright.model import Declaration

_KINDS = {"operator": "facility"}


def _write(folder: Path, declaration: Declaration) -> None:
    folder.mkdir()
    files = {
        "zone.yaml": declaration.zone,
        **{f"{_KINDS.get(n, 'tenant')}-{n}.yaml": o for n, o in declaration.owners.items()},
    }
    for name, file in files.items():
        data = file.model_dump(mode="json", exclude_defaults=True)
        (folder / name).write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def _check(*arguments: str) -> tuple[int, str]:
    text = StringIO()
    with redirect_stdout(text), redirect_stderr(text):
        code = main(["check", *arguments])
    return code, text.getvalue()


def test_one_round_of_repair_leaves_a_zone_clean(tmp_path: Path) -> None:
    """Of 300 random faulty zones each is refused, `--fix` is run once, and then each is good."""
    refused, wrong = 0, dict[int, str]()
    for seed in rounds("zone repairs", 300, least=4):
        declaration = faulty_zone(seed)
        if declaration is None:
            continue
        folder = tmp_path / str(seed)
        _write(folder, declaration)
        if _check(str(folder))[0] == 0:
            continue
        refused += 1
        _check(str(folder), "--fix")
        code, text = _check(str(folder))
        if code:
            wrong[seed] = text
    assert refused
    assert not wrong, f"{len(wrong)} of {refused}: {wrong}"
