"""Labels of racks, for each site."""

from zonewright.render.formats.format import File, Format

RACK_LABELS = Format(
    id="rack-labels",
    title="rack labels: a sheet to print",
    description=(
        "The file is one HTML page that needs no other file. It has a label for each rack with its id, "
        "height, load, and the power that may be drawn from each feed. It prints on A4, with three labels in "
        "a line. No label is cut at the end of a page. A site without rows gets no file."
    ),
    subject="site",
    files=(File(template="rack-labels/labels.html.j2", path="print/rack-labels.html"),),
    filters=frozenset({"html"}),
    needs="label_rows",
)
