"""A rule that a zone writes itself: what a rule pack says of it; its code is a file of Python beside ``zone.yaml``."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from zonewright.model.base import Declared, Line

OwnRuleSubject = Literal["rack", "cluster", "zone"]
OwnRuleLevel = Literal["mandatory", "no-worse", "approval", "advisory"]

OWN = "own/"
"""What ids of such rules begin with in findings and waivers, so that none is ever that of a rule of zonewright."""
OWN_RULE_PATTERN = r"^own/[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"
RULE_FILE_PATTERN = r"^rules/[a-z0-9][a-z0-9_-]{0,62}\.py$"
MAX_CHARACTERS = 50_000
"""Of one rule's code: it is registered with the zone and sent to its own process for every change."""

OwnRuleId = Annotated[str, StringConstraints(pattern=OWN_RULE_PATTERN, strict=True)]


class OwnRule(Declared):
    """A rule of the zone's own. Its code counts, and all that people read of it stands here."""

    title: Line
    """What must hold, in one sentence; a finding repeats it."""
    file: Annotated[str, StringConstraints(pattern=RULE_FILE_PATTERN, strict=True)]
    """The file with its code, such as ``rules/parties-in-a-rack.py``; it has a function ``check(facts, limit)``."""
    of: OwnRuleSubject
    """What it judges: racks and what stands in them, clusters and their nodes, or the zone's sites, ducts and links."""
    level: OwnRuleLevel = "mandatory"
    """What a breach means for a change."""
    limit: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    """The figure that its code is given."""
    stricter: Literal["lower", "higher"] = "lower"
    """Which limit is the stricter one, for packs that extend this one."""
    unit: Line = ""
    """Unit of the figures."""
    fix: Line
    """The smallest remedy, in one sentence."""
    source: Line
    """Where the rule comes from: clause, letter or agreement."""
    text: Annotated[str, Field(max_length=MAX_CHARACTERS)] = ""
    """Its code; it is read from the file, so that what is registered is what runs."""
