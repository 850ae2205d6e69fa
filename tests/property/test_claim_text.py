"""Claims as a snapshot keeps them say all that the ledger's rows say, in the same order."""

import json

from hypothesis import given
from hypothesis import strategies as st

from zonewright.ledger.store.claim_text import ROW, packed, unpacked
from zonewright.model.canonical import canonical_json

words = st.text(max_size=6)
few = st.sampled_from(["a", "b"])
data = st.fixed_dictionaries(
    {
        "rack": few,
        "position": st.integers(1, 50),
        "face": st.sampled_from(["front", "rear"]),
        "addresses": st.dictionaries(few, words, max_size=2),
        "cluster": few,
        "node_type": st.fixed_dictionaries({"weight_kg": st.sampled_from([1.0, 2.5])}),
    },
    optional={"exclusive": few, "in_service": few},
).map(canonical_json)
rows = st.fixed_dictionaries(
    dict.fromkeys(ROW, few)
    | {"name": words, "generation": st.integers(0, 9), "active_since": st.none() | words, "data": data}
    | {"draw_w": st.sampled_from([100, 200])}
)


@given(st.lists(rows, max_size=12))
def test_packed_claims_are_the_claims(claims: list[dict[str, object]]) -> None:
    """Unpacking gives every column of every row again, in order, and the text is canonical JSON."""
    text = packed([tuple(row[name] for name in ROW) for row in claims])
    assert list(unpacked(text)) == [{**row, "data": json.loads(str(row["data"]))} for row in claims]
    assert canonical_json(json.loads(text)) == text
