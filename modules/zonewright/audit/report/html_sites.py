"""The sites of a report as HTML: nodes, racks before and after, and the evidence of the energy ratio."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from html import escape

from zonewright.audit.diff.owned import OwnedValues
from zonewright.audit.diff.series import COUNTED, counted, names_text
from zonewright.audit.evidence.ratios import ratio_text
from zonewright.audit.report import told
from zonewright.audit.report.elevation import Elevation, alike, described, drawing, feed_loads
from zonewright.audit.report.html_parts import folded, section, table
from zonewright.audit.report.plots import ratio_plot
from zonewright.audit.report.report import EnergySection, SiteReport
from zonewright.rules.words import count_of

MAX_RACKS, MAX_ROWS = 24, 40


def site_section(site: SiteReport, own: OwnedValues) -> str:
    """The section of one site.

    Args:
        site: what there is to say.
        own: what is each node's own.
    """
    parts = [_nodes(site, own), *_racks(site)]
    if site.energy is not None:
        parts += _energy(site.energy)
    return section(f"site-{site.site}", f"Site {site.site}", *parts)


def _nodes(site: SiteReport, own: OwnedValues) -> str:
    caption = "Nodes that are new, moved or gone"
    if len(site.nodes) <= MAX_ROWS:
        return table(caption, told.NODE_HEADS, told.nodes(site, own))
    title = f"{caption}: {count_of(len(site.nodes), 'node')}, by rack"
    rows = ([where, "; ".join(counted(nodes))] for where, nodes in told.node_rows(site, own))
    return folded(title, table(f"{title}. {COUNTED}", ["From and to", "Nodes"], rows))


def _racks(site: SiteReport) -> Iterator[str]:
    """Racks that look alike once, with the names of the others; those beyond the first ones in words."""
    if not site.racks:
        return
    groups: dict[tuple[object, ...], list[Elevation]] = defaultdict(list)
    for one in site.racks:
        groups[alike(one)].append(one)
    worst = sorted(groups.values(), key=lambda racks: (-racks[0].changes, racks[0].rack.id))
    shown, others = sorted(worst[:MAX_RACKS], key=lambda racks: racks[0].rack.id), worst[MAX_RACKS:]
    yield f"<h3>Racks of {escape(site.site)}</h3>"
    yield "<p>+ new, → moved here, ← moved away, \N{MINUS SIGN} gone; hatched: another party; dotted: baseline.</p>"
    yield '<div class="racks">'
    for racks in shown:
        yield _figure(racks)
    yield "</div>"
    if others:
        rest = [one for racks in others for one in racks]
        rows = [[one.rack.id, described(one), _feeds(one)] for one in sorted(rest, key=lambda one: one.rack.id)]
        title = f"{count_of(len(rest), 'more rack')} with fewer changes, in words"
        yield folded(title, table(title, ["Rack", "What changes", "Feeds"], rows))


def _figure(racks: Sequence[Elevation]) -> str:
    first, *others = racks
    caption = escape(f"{first.rack.id}: {described(first)}")
    if others:
        names = names_text([one.rack.id for one in others])
        caption += f"<br><strong>{count_of(len(others), 'more rack')} just like it:</strong> {escape(names)}"
    return (
        f'<figure><div class="wide" tabindex="0" role="region" aria-label="Rack {escape(first.rack.id, quote=True)}">'
        f"{drawing(first)}</div><figcaption>{caption}</figcaption></figure>"
    )


def _feeds(shown: Elevation) -> str:
    return "; ".join(
        f"feed {feed}: {before:,} W before, {after:,} W after, {alone:,} W alone, of {allowed:,} W"
        for feed, allowed, before, after, alone in feed_loads(shown)
    )


def _energy(energy: EnergySection) -> Iterator[str]:
    found = energy.measured
    yield f"<h3>Energy ratio of {escape(energy.site)}</h3>"
    rows = [
        ["trailing twelve months", ratio_text(found["trailing_ratio"]), str(found["trailing"])],
        ["projection of the calendar year", ratio_text(found["projection_ratio"]), str(found["projection"])],
    ]
    caption = f"Figures of {energy.site}, limit {energy.limit:g}"
    yield table(caption, ["Figure", "Ratio", "Verdict"], rows, numbers=(1,))
    above, below = map(int, str(found["coverage"]).split("/"))
    load = "unknown" if found["it_load_w"] is None else f"{found['it_load_w'] / 1000:,.1f} kW"
    reason = f"; {found['reason']}" if found["reason"] else ""
    text = f"Coverage {100 * above / below:.2f} %, last complete hour {found['age_days']:.1f} days old"
    yield f"<p>{escape(f'{text}, mean IT load {load}{reason}')}.</p>"
    yield f'<figure class="wide" tabindex="0">{ratio_plot(energy.site, energy.months, energy.limit)}'
    yield "<figcaption>Energy ratio by month, from 1.0 up; dashed: the limit; dark: above it.</figcaption></figure>"
    rows = [[meter, f"{count:,}", first, last, trust] for meter, count, first, last, trust in energy.registers]
    yield table("Registers behind these figures", ["Meter", "Readings", "First", "Last", "Trust"], rows, numbers=(1,))
