"""The export of a bundle for one party: without the facts that are other parties' too.

The plan names these facts by the digest of the snapshot, so that the zone can show later that its own bundle is of the
same change; verification says what it can not check without them.
"""

from collections.abc import Mapping

from zonewright.audit.bundle import MANIFEST, object_path, with_manifest
from zonewright.audit.contents import PARTIAL, read_contents
from zonewright.audit.gathering import JOURNAL
from zonewright.model.canonical import canonical_json

KEPT = ("zone.json", "present.json", "remembered.json")
"""Facts that are the party's own, or everybody's."""


def for_party(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """A bundle without other parties' facts and without the journal's entries of others.

    Args:
        files: the zone's bundle, with its manifest.
    """
    if PARTIAL in files:
        return dict(files)
    contents = read_contents(files)
    kept = {object_path(contents.snapshot.files[name]) for name in KEPT if name in contents.snapshot.files}
    old, new = contents.index("before.json"), contents.index("rendered.json")
    kept |= {object_path(digest) for digest in (*old.values(), *new.values())}
    left_out = sorted(path for path in files if path.startswith("objects/") and path not in kept)
    left_out += [path for path in (JOURNAL,) if path in files]
    party = canonical_json({"left_out": sorted(left_out), "party": contents.plan.party})
    rest = {path: content for path, content in files.items() if path not in left_out and path != MANIFEST}
    return with_manifest({**rest, PARTIAL: party.encode()})
