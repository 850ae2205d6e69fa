"""A zone as a map: one SVG without any other file, readable in black and white.

Data centres are squares, edge sites circles; their size grows with design power and their filling with what is in use.
A planned link is dashed; a duct that several links share, or whose bridge they share, is drawn thick
and named.
"""

from collections.abc import Iterator, Mapping
from html import escape
from itertools import pairwise
from math import cos, radians, remainder, sqrt

from zonewright.model.world import ZoneFacts
from zonewright.render.zone.map_labels import Box, Labels, Point
from zonewright.render.zone.zone_table import LinkRow, SiteRow, ZoneTable, one_decimal

_WIDTH, _MARGIN, _LABELS, _LEGEND = 1000.0, 70.0, 60.0, 92.0
_FONT, _SMALL = 13.0, 11.0
_STYLE = """
text { font-family: system-ui, sans-serif; font-size: 13px; fill: #1a1a1a; }
.title { font-size: 20px; font-weight: 600; }
.small { font-size: 11px; fill: #444; }
.link { fill: none; stroke: #1f5f8b; stroke-width: 2.2; }
.planned { stroke-dasharray: 7 5; stroke: #666; }
.shared { fill: none; stroke: #d1495b; stroke-width: 7; stroke-linecap: round; }
.warn { fill: #b02a3c; font-weight: 600; }
.site { fill: #fff; stroke: #1a1a1a; stroke-width: 1.6; }
.fill { fill: #5b8c5a; }
.halo { paint-order: stroke; stroke: #fff; stroke-width: 4px; stroke-linejoin: round; }
"""


class _Projection:
    """Degrees to the drawing, north up; a degree of longitude is shortened by the cosine of the latitude."""

    def __init__(self, points: list[tuple[float, float]]) -> None:
        self.south, self.north = min(p[0] for p in points), max(p[0] for p in points)
        self._origin = points[0][1]
        turned = [self._turned(longitude) for _, longitude in points]
        self.west, self.east = min(turned), max(turned)
        self._squeeze = cos(radians((self.south + self.north) / 2))
        across = max((self.east - self.west) * self._squeeze, (self.north - self.south) / 2, 1e-6)
        self._scale = (_WIDTH - 2 * _MARGIN - _LABELS) / across
        self.height = (self.north - self.south) * self._scale + 2 * _MARGIN + _LEGEND

    def __call__(self, latitude: float, longitude: float) -> tuple[float, float]:
        """A point of the drawing."""
        x = _MARGIN + (self._turned(longitude) - self.west) * self._squeeze * self._scale
        return (round(x, 1), round(_MARGIN + (self.north - latitude) * self._scale, 1))

    def _turned(self, longitude: float) -> float:
        """Degrees east as they lie beside the first point, also across 180 degrees."""
        return self._origin + remainder(longitude - self._origin, 360)


def zone_map(facts: ZoneFacts, table: ZoneTable) -> str:
    """The map of a zone; sites without coordinates are listed below it.

    Args:
        facts: the zone as a whole.
        table: its figures.
    """
    places = {
        name: (held.site.location.latitude, held.site.location.longitude)
        for name, held in facts.sites.items()
        if held.site.location is not None
    }
    routes = [point for held in facts.ducts.values() for point in held.duct.route.points]
    project = _Projection([*places.values(), *routes] or [(0.0, 0.0)])
    at = {site.id: project(*places[site.id]) for site in table.sites if site.id in places}
    labels = _labels(facts, table, project, at)
    parts = _links(facts, table, project)
    parts += _shared(facts, table, project)
    parts += [_site(site, at[site.id], labels) for site in table.sites if site.id in at]
    # Names above all lines: those of sites have their places first, then shared ducts, then links.
    parts += [*_shared_names(facts, table, project, labels), *_link_names(facts, table, project, labels)]
    lost = [site.id for site in table.sites if site.id not in places]
    height = round(project.height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {height}" role="img" '
        f'aria-label="{escape(f"Map of {table.title}: {len(table.sites)} sites, {len(table.links)} links")}">\n'
        f"<title>{escape(table.title)}</title>\n<style>{_STYLE}</style>\n"
        f'<rect width="100%" height="100%" fill="#fff"/>\n'
        f'<text class="title" x="24" y="36">{escape(table.title)}</text>\n' + "\n".join(parts) + "\n"
        f"{_legend(table, lost, height)}\n</svg>\n"
    )


def _path(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _labels(facts: ZoneFacts, table: ZoneTable, project: _Projection, at: Mapping[str, Point]) -> Labels:
    """What names must not cover: links, sites, and the title."""
    found = Labels((_WIDTH, project.height - _LEGEND))
    for link in table.links:
        for flat in _ducts_of(link, facts, project):
            found.lines += pairwise(flat)
    for site in table.sites:
        if site.id in at:
            (x, y), size = at[site.id], _size(site)
            found.taken.append(Box(x - size, y - size, x + size, y + size))
    found.taken.append(Box(0, 0, 24 + 11 * len(table.title), 44))
    return found


def _ducts_of(link: LinkRow, facts: ZoneFacts, project: _Projection) -> list[list[Point]]:
    """The ducts of a link as lines, the longest first."""
    ducts = [facts.ducts[duct].duct for duct in link.ducts if duct in facts.ducts]
    return [[project(*point) for point in duct.route.points] for duct in sorted(ducts, key=lambda duct: -duct.length_m)]


def _shared_ducts(facts: ZoneFacts, table: ZoneTable) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Ducts that several links share, or whose bridge they share, with these links."""
    shared = {(risk.kind, risk.id): risk.links for risk in table.shared_risks}
    for duct_id, held in sorted(facts.ducts.items()):
        links = shared.get(("duct", duct_id)) or shared.get(("bridge", held.duct.bridge or ""))
        if links:
            yield duct_id, links


def _shared(facts: ZoneFacts, table: ZoneTable, project: _Projection) -> list[str]:
    """What several links share, above the links."""
    return [
        f'<polyline class="shared" points="{_path(_route(facts, duct, project))}"/>'
        for duct, _links_of in _shared_ducts(facts, table)
    ]


def _route(facts: ZoneFacts, duct: str, project: _Projection) -> list[Point]:
    return [project(*point) for point in facts.ducts[duct].duct.route.points]


def _shared_names(facts: ZoneFacts, table: ZoneTable, project: _Projection, labels: Labels) -> list[str]:
    drawn = []
    for duct, links in _shared_ducts(facts, table):
        text = f"{duct}: {', '.join(links)}"
        x, y = labels.along(_route(facts, duct, project), text, _FONT)
        drawn.append(f'<text class="warn halo" x="{x:g}" y="{y:g}">{escape(text)}</text>')
    return drawn


def _links(facts: ZoneFacts, table: ZoneTable, project: _Projection) -> list[str]:
    """Each link as its ducts lie."""
    drawn = []
    for link in table.links:
        kind = "link planned" if link.status == "planned" else "link"
        figures = f"{one_decimal(link.km)} km, {one_decimal(link.one_way_us)} us one way"
        text = escape(f"{link.id}: {link.a} to {link.b}, {figures}")
        drawn += [
            f'<polyline class="{kind}" points="{_path(flat)}"><title>{text}</title></polyline>'
            for flat in _ducts_of(link, facts, project)
        ]
    return drawn


def _link_names(facts: ZoneFacts, table: ZoneTable, project: _Projection, labels: Labels) -> list[str]:
    """The name of each link, beside the longest of its ducts."""
    drawn = []
    for link in table.links:
        for flat in _ducts_of(link, facts, project)[:1]:
            x, y = labels.along(flat, link.id, _SMALL)
            drawn.append(f'<text class="small halo" x="{x:g}" y="{y:g}">{escape(link.id)}</text>')
    return drawn


def _size(site: SiteRow) -> float:
    """Half of the width of a site's square or circle."""
    return 7 + 17 * min(1.0, sqrt(site.design_kw / 40_000))


def _site(site: SiteRow, at: Point, labels: Labels) -> str:
    x, y = at
    size = _size(site)
    fill = site.used_kw / site.design_kw if site.design_kw else 0.0
    text = f"{site.title}: {site.used_kw:,.1f} of {site.design_kw:,.1f} kW, {site.racks:,} racks"
    if site.kind == "data-centre":
        height = 2 * size * min(1.0, fill)
        shape = (
            f'<rect class="site" x="{x - size:.1f}" y="{y - size:.1f}" width="{2 * size:.1f}" height="{2 * size:.1f}"/>'
        )
        shape += (
            f'<rect class="fill" x="{x - size + 2:.1f}" y="{y + size - height + 1:.1f}" width="{2 * size - 4:.1f}" '
            f'height="{max(0.0, height - 3):.1f}"/>'
        )
        label = f"{site.id} {100 * fill:.0f} %"
    else:
        shape = f'<circle class="site" cx="{x:g}" cy="{y:g}" r="{size:.1f}"/>'
        shape += f'<circle class="fill" cx="{x:g}" cy="{y:g}" r="{max(0.0, (size - 2) * sqrt(min(1.0, fill))):.1f}"/>'
        label = site.id
    left, base = labels.around(at, size, label, _FONT)
    return (
        f"<g><title>{escape(text)}</title>{shape}"
        f'<text class="halo" x="{left:.1f}" y="{base:.1f}">{escape(label)}</text></g>'
    )


def _legend(table: ZoneTable, lost: list[str], height: int) -> str:
    fill = f"{table.fill_percent:.1f} % by power"
    if table.fill_by_racks_percent is not None:
        fill += f", {table.fill_by_racks_percent:.1f} % by racks"
    risks = "; ".join(f"{risk.kind} {risk.id} ({', '.join(risk.links)})" for risk in table.shared_risks)
    lines = [
        "square: data centre, filled by what is claimed; circle: edge site; dashed: planned; thick: shared by links",
        f"data centres: {table.used_kw:,.0f} of {table.design_kw:,.0f} kW, {fill}",
        f"shared risks: {risks or 'none'}",
    ]
    if lost:
        lines.append(f"without coordinates: {', '.join(lost)}")
    first = height - 18 * len(lines) - 6
    return "\n".join(
        f'<text class="small" x="24" y="{first + 18 * number}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
