"""Labels for the outlets of PDUs, for each site."""

from zonewright.render.formats.format import File, Format

OUTLET_LABELS = Format(
    id="outlet-labels",
    title="outlet labels: sheets to print",
    description=(
        "Each row whose feeds say `outlets` has an HTML page that needs no other file. It has a label for each outlet "
        "of the PDU of each feed at each rack: rack, feed, number from the bottom, phase, and the rack units that it "
        "is beside. The phase comes from the `legs` of the feed. It prints on A4, with six labels in a line."
    ),
    subject="site",
    files=(File(template="outlet-labels/labels.html.j2", path="print/outlet-labels/{key}.html", each="outlet_rows"),),
    filters=frozenset({"html"}),
    needs="outlet_rows",
)
