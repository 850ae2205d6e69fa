"""Values of references: from the environment, from files, from Vault's key-value engine.

What may be read is said by whoever installs, not by whoever declares: the reference of another party's link must not
name this machine's keys. No sentence and no log has a value in it.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zonewright.fleet.secrets.vault import Vault
from zonewright.model.secret import Reference, SecretError

ENV_PREFIX = "ZONEWRIGHT_SECRET_"
FOLDER_VARIABLE = "ZONEWRIGHT_SECRETS"
FOLDER = "/etc/zonewright/secrets"
_MAX_BYTES = 1 << 20


@dataclass(slots=True, kw_only=True)
class SecretSources:
    """Gives values of references, each asked for once.

    Attributes:
        environment: variables; only those that begin with ``ZONEWRIGHT_SECRET_`` are given.
        folder: only files below this folder are read.
        vault: the client; None makes it of ``VAULT_ADDR`` and ``VAULT_TOKEN`` when it is first needed.
    """

    environment: Mapping[str, str]
    folder: Path
    vault: Vault | None = None
    _known: dict[str, str] = field(default_factory=dict)

    def __call__(self, reference: Reference) -> str:
        """The value of a reference.

        Raises:
            SecretError: one sentence that says what is missing or not allowed.
        """
        if reference.text not in self._known:
            read: Callable[[Reference], str] = {"env": self._variable, "file": self._file, "vault": self._vault}[
                reference.scheme
            ]
            self._known[reference.text] = read(reference)
        return self._known[reference.text]

    def _variable(self, reference: Reference) -> str:
        name = reference.path
        if not name.startswith(ENV_PREFIX):
            raise SecretError(
                f"{reference.text}: only variables that begin with {ENV_PREFIX} may be used; rename it to "
                f"{ENV_PREFIX}{name} here and in the reference"
            )
        if not self.environment.get(name):
            raise SecretError(
                f"{reference.text}: the variable {name} is not set here; export it where files are installed"
            )
        return self.environment[name]

    def _file(self, reference: Reference) -> str:
        text = self._read(reference)
        if not reference.key:
            return text.removesuffix("\n").removesuffix("\r")
        try:
            document = json.loads(text)
        except ValueError:
            raise SecretError(f"{reference.text}: {reference.path} is not JSON, so it has no keys") from None
        return value_at(document, reference, where=reference.path)

    def _read(self, reference: Reference) -> str:
        path = Path(reference.path)
        try:
            real, allowed = path.resolve(strict=True), self.folder.resolve()
            if not real.is_relative_to(allowed):
                raise SecretError(
                    f"{reference.text}: only files below {self.folder} may be used; move it there, or name "
                    f"another folder in {FOLDER_VARIABLE}"
                )
            with real.open("rb") as opened:
                data = opened.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            raise SecretError(
                f"{reference.text}: there is no file {path} here; write it where files are installed"
            ) from None
        except PermissionError:
            raise SecretError(f"{reference.text}: this user may not read {path}; run as its owner") from None
        except (OSError, RuntimeError):
            raise SecretError(f"{reference.text}: {path} cannot be read; it must be a file") from None
        if len(data) > _MAX_BYTES:
            raise SecretError(
                f"{reference.text}: {path} has more than {_MAX_BYTES:,} bytes, which is too much for a secret"
            )
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise SecretError(f"{reference.text}: {path} is not UTF-8 text") from None

    def _vault(self, reference: Reference) -> str:
        if self.vault is None:
            self.vault = Vault.of_environment(self.environment, for_what=reference.text)
        return value_at(self.vault.read(reference), reference, where=f"{reference.path} in Vault")


def sources_here() -> SecretSources:
    """The sources of this machine and user."""
    return SecretSources(environment=dict(os.environ), folder=Path(os.environ.get(FOLDER_VARIABLE) or FOLDER))


def value_at(document: Any, reference: Reference, *, where: str) -> str:
    """The text at the keys of a reference.

    Args:
        document: parsed JSON.
        reference: the reference.
        where: what the document is, for sentences.

    Raises:
        SecretError: when there is nothing, or something else than a text or number.
    """
    value = document
    for key in reference.key:
        if not isinstance(value, Mapping) or key not in value:
            raise SecretError(f"{reference.text}: {where} has no key '{key}'; write it there, or correct the reference")
        value = value[key]
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise SecretError(f"{reference.text}: the value in {where} is not text; name a key inside it")
    return str(value)
