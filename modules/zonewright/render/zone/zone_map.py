"""A zone as a map: one SVG without any other file, readable in black and white.

Data centres are squares, edge sites circles; their size grows with design power and their filling with what is in use.
A planned link is dashed; a duct that several links share, or whose bridge they share, is drawn thick
and named.
"""

from html import escape
from math import cos, radians, remainder, sqrt

from zonewright.model.world import ZoneFacts
from zonewright.render.zone.zone_table import SiteRow, ZoneTable, one_decimal

_WIDTH, _MARGIN, _LABELS, _LEGEND = 1000.0, 70.0, 60.0, 92.0
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
    parts = _links(facts, table, project)
    parts += [_site(site, project(*places[site.id])) for site in table.sites if site.id in places]
    parts += _shared(facts, table, project)
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


def _shared(facts: ZoneFacts, table: ZoneTable, project: _Projection) -> list[str]:
    """What several links share, above all else."""
    shared = {(risk.kind, risk.id): risk.links for risk in table.shared_risks}
    drawn = []
    for duct_id, held in sorted(facts.ducts.items()):
        links = shared.get(("duct", duct_id)) or shared.get(("bridge", held.duct.bridge or ""))
        if links:
            flat = [project(*point) for point in held.duct.route.points]
            x, y = flat[0]
            text = escape(f"{duct_id}: {', '.join(links)}")
            drawn.append(f'<polyline class="shared" points="{_path(flat)}"/>')
            drawn.append(f'<text class="warn halo" x="{x + 6:g}" y="{y - 38:g}">{text}</text>')
    return drawn


def _links(facts: ZoneFacts, table: ZoneTable, project: _Projection) -> list[str]:
    """Each link as its ducts lie; its name stands at the longest of them."""
    drawn = []
    for link in table.links:
        kind = "link planned" if link.status == "planned" else "link"
        figures = f"{one_decimal(link.km)} km, {one_decimal(link.one_way_us)} us one way"
        text = escape(f"{link.id}: {link.a} to {link.b}, {figures}")
        ducts = [facts.ducts[duct].duct for duct in link.ducts if duct in facts.ducts]
        for duct in sorted(ducts, key=lambda duct: -duct.length_m):
            flat = [project(*point) for point in duct.route.points]
            drawn.append(f'<polyline class="{kind}" points="{_path(flat)}"><title>{text}</title></polyline>')
            if duct.length_m == max(one.length_m for one in ducts):
                x, y = flat[len(flat) // 2]
                drawn.append(f'<text class="small halo" x="{x + 5:g}" y="{y - 5:g}">{escape(link.id)}</text>')
    return drawn


def _site(site: SiteRow, at: tuple[float, float]) -> str:
    x, y = at
    size = 7 + 17 * min(1.0, sqrt(site.design_kw / 40_000))
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
    return (
        f"<g><title>{escape(text)}</title>{shape}"
        f'<text class="halo" x="{x + size + 5:.1f}" y="{y + 5:.1f}">{escape(label)}</text></g>'
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
