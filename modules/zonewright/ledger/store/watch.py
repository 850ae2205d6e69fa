"""What a service counts of its ledger's work. No name of a party, a stack or a place is told to who counts."""

from collections.abc import Collection
from typing import Protocol


class Watch(Protocol):
    """Is told what happened, in whatever thread it did; must not block."""

    def waited(self, seconds: float) -> None:
        """A transaction that writes waited for so long until it could begin."""

    def tried_again(self) -> None:
        """A verb was begun anew because somebody else wrote the same rows."""

    def decided(self, verb: str, status: int, rules: Collection[str]) -> None:
        """A verb was answered.

        Args:
            verb: its name.
            status: as HTTP has it: 200, 409 for what is refused, 503 for what is not decided.
            rules: ids of the rules that refuse, or the code of the refusal where it is about no rule.
        """
