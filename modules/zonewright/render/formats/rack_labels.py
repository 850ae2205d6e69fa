"""Labels of racks, for each site."""

from zonewright.render.formats.format import File, Format

RACK_LABELS = Format(
    id="rack-labels",
    title="rack labels: a sheet for print",
    description=(
        "One page of HTML without any other file: a label for each rack with its id, height, load, and what may be "
        "drawn from each feed. It prints on A4, three labels in a line, and no label is cut by the end of a page. A "
        "site without rows gets no file."
    ),
    subject="site",
    files=(File(template="rack-labels/labels.html.j2", path="print/rack-labels.html"),),
    filters=frozenset({"html"}),
    needs="label_rows",
)
