"""A zone as a map: one SVG without any other file, readable in black and white.

Data centres are squares, edge sites circles; their size grows with design power and their filling with what is in use.
A planned link is dashed; a duct or bridge that several links share is drawn thick beneath them.
"""

from html import escape
from math import cos, radians, sqrt

from zonewright.model.world import ZoneFacts
from zonewright.render.zone_table import SiteRow, ZoneTable

_WIDTH, _MARGIN, _LEGEND = 1000.0, 70.0, 92.0
_STYLE = """
text { font-family: system-ui, sans-serif; font-size: 13px; fill: #1a1a1a; }
.title { font-size: 20px; font-weight: 600; }
.small { font-size: 11px; fill: #444; }
.link { fill: none; stroke: #1f5f8b; stroke-width: 2.2; }
.planned { stroke-dasharray: 7 5; stroke: #666; }
.shared { fill: none; stroke: #d1495b; stroke-width: 11; stroke-opacity: .45; stroke-linecap: round; }
.site { fill: #fff; stroke: #1a1a1a; stroke-width: 1.6; }
.fill { fill: #5b8c5a; }
.halo { paint-order: stroke; stroke: #fff; stroke-width: 4px; stroke-linejoin: round; }
"""


class _Projection:
    """Degrees to the drawing, north up; a degree of longitude is shortened by the cosine of the latitude."""

    def __init__(self, points: list[tuple[float, float]]) -> None:
        self.south, self.north = min(p[0] for p in points), max(p[0] for p in points)
        self.west, self.east = min(p[1] for p in points), max(p[1] for p in points)
        self._squeeze = cos(radians((self.south + self.north) / 2))
        across = max((self.east - self.west) * self._squeeze, (self.north - self.south) / 2, 1e-6)
        self._scale = (_WIDTH - 2 * _MARGIN) / across
        self.height = (self.north - self.south) * self._scale + 2 * _MARGIN + _LEGEND

    def __call__(self, latitude: float, longitude: float) -> tuple[float, float]:
        """A point of the drawing."""
        x = _MARGIN + (longitude - self.west) * self._squeeze * self._scale
        return (round(x, 1), round(_MARGIN + (self.north - latitude) * self._scale, 1))


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
    parts = [*_ducts(facts, table, project), *_links(facts, table, project, places)]
    parts += [_site(site, project(*places[site.id])) for site in table.sites if site.id in places]
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


def _ducts(facts: ZoneFacts, table: ZoneTable, project: _Projection) -> list[str]:
    """What several links share, beneath them."""
    shared = {(risk.kind, risk.id): risk.links for risk in table.shared_risks}
    drawn = []
    for duct_id, held in sorted(facts.ducts.items()):
        links = shared.get(("duct", duct_id)) or shared.get(("bridge", held.duct.bridge or ""))
        if links:
            line = _path([project(*point) for point in held.duct.route.points])
            text = escape(f"{duct_id} is shared by {', '.join(links)}")
            drawn.append(f'<polyline class="shared" points="{line}"><title>{text}</title></polyline>')
    return drawn


def _links(
    facts: ZoneFacts, table: ZoneTable, project: _Projection, places: dict[str, tuple[float, float]]
) -> list[str]:
    drawn = []
    for link in table.links:
        points = [places[link.a]] if link.a in places else []
        for duct in link.ducts:
            route = list(facts.ducts[duct].duct.route.points) if duct in facts.ducts else []
            if points and route and _far(points[-1], route[0]) > _far(points[-1], route[-1]):
                route.reverse()
            points += route
        points += [places[link.b]] if link.b in places else []
        if len(points) > 1:
            kind = "link planned" if link.status == "planned" else "link"
            flat = [project(*point) for point in points]
            x, y = flat[len(flat) // 2]
            text = escape(f"{link.id}: {link.a} to {link.b}, {link.km:.1f} km, {link.one_way_us:.1f} us one way")
            drawn.append(f'<polyline class="{kind}" points="{_path(flat)}"><title>{text}</title></polyline>')
            drawn.append(f'<text class="small halo" x="{x + 5:g}" y="{y - 5:g}">{escape(link.id)}</text>')
    return drawn


def _far(one: tuple[float, float], two: tuple[float, float]) -> float:
    return (one[0] - two[0]) ** 2 + (one[1] - two[1]) ** 2


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
    fill = f"{table.fill_percent:.1f} % by power, {table.fill_by_racks_percent:.1f} % by racks"
    risks = "; ".join(f"{risk.kind} {risk.id} ({', '.join(risk.links)})" for risk in table.shared_risks)
    lines = [
        "square: data centre, filled by what is claimed; circle: edge site; dashed: planned link; red: shared by links",
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
