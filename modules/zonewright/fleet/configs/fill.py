"""What of an approved file goes to a host: its text, with the values of its secrets where it holds references."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from zonewright.fleet.secrets.fingerprints import Keys
from zonewright.model.masking import MASK, masked
from zonewright.model.secret import Reference, SecretError, references_in, resolved
from zonewright.model.secret_scan import suspicions


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """One file as it is installed.

    Attributes:
        content: its bytes.
        fingerprints: of its secrets by the zone's key, in order; none where it holds none.
    """

    content: bytes = field(repr=False)
    fingerprints: tuple[str, ...] = ()


def _nobody(reference: Reference) -> str:
    raise SecretError(f"{reference.text}: its value cannot be read here")


def _no_keys() -> Keys:
    raise SecretError("there is no fingerprint key here")


@dataclass(slots=True)
class Filler:
    """Fills files, each text once, and knows afterwards which values must not be repeated.

    Attributes:
        resolve: gives the value of a reference, or raises ``SecretError``.
        keys: gives the zone's fingerprint keys; asked for when the first secret is met.
        values: the values that were put into files.
    """

    resolve: Callable[[Reference], str] = _nobody
    keys: Callable[[], Keys] = _no_keys
    values: set[str] = field(default_factory=set, repr=False)
    _known: dict[str, Filled | SecretError] = field(default_factory=dict, repr=False)

    def __call__(self, text: str) -> Filled:
        """A file as it is installed.

        Args:
            text: the file as it was rendered and approved.

        Raises:
            SecretError: one sentence for each reference without a value; the same again for the same text.
        """
        found = self._known.get(text)
        if found is None:
            try:
                found = self._filled(text)
            except SecretError as error:
                found = error
            self._known[text] = found
        if isinstance(found, SecretError):
            raise found
        return found

    def clean(self, text: str) -> str:
        """A text without the values that were put into files: a validator may repeat the line that it refuses."""
        return masked(text, self.values)

    def _filled(self, text: str) -> Filled:
        data = text.encode()
        content = resolved(data, self.resolve)
        references = references_in(data)
        if not references:
            return Filled(content=content)
        keys, values = self.keys(), {one: self.resolve(one) for one in references}
        self.values |= set(values.values())
        return Filled(
            content=content, fingerprints=tuple(keys.fingerprint(one, value) for one, value in values.items())
        )


def shown(found: str, text: str, filled: Filled) -> str:
    """A file of a host, which may hold secrets, so that it can be compared with the approved text.

    The values that it should have become their references again. What else stands behind a word that comes before a
    reference, such as an older password, is masked, and so is every other line that looks like a secret: the approved
    text may have none any more, and the host still has it.

    Args:
        found: what the host has.
        text: the approved text, with references.
        filled: the same as it should be installed, or with its references where no value can be had.
    """
    if references_in(text.encode()):
        found = _with_references(found, text, filled)
    lines, approved = found.split("\n"), frozenset(text.split("\n"))
    suspect = {one.line for one in suspicions({"": found})}
    return "\n".join(
        MASK if number in suspect and line not in approved and not line.endswith(MASK) else line
        for number, line in enumerate(lines, 1)
    )


def _with_references(found: str, text: str, filled: Filled) -> str:
    good = dict(zip(filled.content.decode().split("\n"), text.split("\n"), strict=False))
    words = {match[1] for match in re.finditer(r"(\S+)[ \t=:\"']+ref\+[a-z]+://", text)}
    behind = re.compile(rf"((?:^|\s)(?:{'|'.join(map(re.escape, sorted(words)))})[ \t=:\"']+)[^\n]+")
    return "\n".join(good.get(line) or behind.sub(rf"\1{MASK}", line) for line in found.split("\n"))
