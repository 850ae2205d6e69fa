"""A stack's configuration holds the settings that there are, and no place for a password."""

from pathlib import Path

import pytest
import yaml

from zonewright.declare.stack_file import KEYS, StackFileError, read_stack_file, unknown_settings

GOOD = {"zone:declaration": "a.yaml", "zone:ledger": "sqlite:///l.db", "zone:stackId": "stack-000001"}


def stack(root: Path, **more: object) -> Path:
    """A project with one stack."""
    (root / "Pulumi.yaml").write_text("name: zone\n", encoding="utf-8")
    config = {**GOOD, **{f"zone:{key}": value for key, value in more.items()}, "other:key": "x"}
    (root / "Pulumi.s.yaml").write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
    return root


@pytest.mark.parametrize("key", ["password", "token", "ledgerToken", "Ledger"])
def test_a_password_in_a_stacks_configuration_is_refused(key: str, tmp_path: Path) -> None:
    """The key is named, its value is not, and the sentence says where secrets come from."""
    with pytest.raises(StackFileError, match=f"zone:{key}: not a setting of zonewright") as caught:
        read_stack_file(stack(tmp_path, **{key: "hunter2"}), "s")
    assert "hunter2" not in str(caught.value)
    assert "keep-secrets-out" in str(caught.value)


def test_settings_that_there_are_and_those_of_others_are_taken(tmp_path: Path) -> None:
    """All of ours, and whatever stands in another namespace."""
    assert read_stack_file(stack(tmp_path, fleet="f.yaml", configurations="f.yaml"), "s").stack_id == "stack-000001"
    assert unknown_settings([*(f"zone:{key}" for key in KEYS), "pulumi:tags", "zoned:password"]) == ""
