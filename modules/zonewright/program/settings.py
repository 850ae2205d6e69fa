"""A stack's settings, from Pulumi's configuration in the namespace ``zone:``."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env, is_config_secret

from zonewright.declare.stack_file import KEYS, stack_id_fault, unknown_settings
from zonewright.ledger.protocol.ledger_url import SQLITE


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What ``Pulumi.<stack>.yaml`` says under ``zone:``.

    Attributes:
        root: folder of Pulumi.yaml; relative paths start here. An inline program of the Automation API has none, and
            there it is the folder that its process runs in.
        declaration: the owner's file, relative to ``root``.
        ledger: the ledger's URL.
        stack_id: the stack's identity in the ledger.
        fleet: the fleet's file, relative to ``root``; empty where the stack deploys no agents.
        configurations: the fleet's file whose configurations the stack deploys to hosts; empty where it deploys none.
    """

    root: Path
    declaration: str
    ledger: str
    stack_id: str
    fleet: str
    configurations: str


def settings() -> Settings:
    """Read the settings of the stack that runs.

    Raises:
        pulumi.RunError: one sentence for everything that is missing.
    """
    config = pulumi.Config("zone")
    stack = pulumi.get_stack()
    hidden = [key for key in KEYS if is_config_secret(f"zone:{key}")]
    if hidden:
        # They go into the state and the ledger as plain text.
        keys = ", ".join(f"zone:{key}" for key in hidden)
        raise pulumi.RunError(
            f"stack '{stack}' stores {keys} as a secret; set it without --secret, because no setting of "
            "zonewright is secret; tokens and passwords come from the environment or a file, see "
            "docs/how-to/keep-secrets-out.md"
        )
    unknown = unknown_settings({**get_config_env(), **CONFIG.get()})
    if unknown:
        raise pulumi.RunError(f"stack '{stack}': {unknown}")
    values = {key: config.get(key) for key in ("declaration", "ledger", "stackId")}
    missing = sorted(key for key, value in values.items() if not value)
    if missing:
        keys = ", ".join(f"zone:{key}" for key in missing)
        raise pulumi.RunError(
            f"stack '{stack}': {keys} is missing in stacks/Pulumi.{stack}.yaml; write it with: zonewright "
            f"stack new {stack} --party PARTY --declaration FILE"
        )
    if fault := stack_id_fault(values["stackId"] or ""):
        raise pulumi.RunError(f"stack '{stack}': {fault}")
    root: str | None = pulumi.get_root_directory()  # typed as text, and None in an inline program
    ledger = values["ledger"] or ""
    if root is None and ledger.startswith(SQLITE) and not Path(ledger.removeprefix(SQLITE)).is_absolute():
        raise pulumi.RunError(
            f"stack '{stack}': zone:ledger is {ledger}, a relative path, and an inline program has no Pulumi.yaml that "
            "it could start from; name the file by its absolute path, such as sqlite:////srv/zone/ledger.db"
        )
    return Settings(
        root=Path.cwd() if root is None else Path(root),
        declaration=values["declaration"] or "",
        ledger=ledger,
        stack_id=values["stackId"] or "",
        fleet=config.get("fleet") or "",
        configurations=config.get("configurations") or "",
    )
