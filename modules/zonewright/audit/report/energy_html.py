"""The page on the energy of some sites as one HTML file: no script, no other file, readable on paper."""

from collections.abc import Sequence
from html import escape

from zonewright.audit.report.energy_plots import (
    STYLE,
    coverage_plot,
    described_months,
    flow_plot,
    load_plot,
    months_plot,
)
from zonewright.audit.report.energy_site import EnergySite
from zonewright.audit.report.html_parts import folded, section, table
from zonewright.audit.report.style import STYLE as PAGE_STYLE

_CSP = "default-src 'none'; style-src 'unsafe-inline'"
_FITTED = "; grey: what it may err by. It says nothing of loads beyond its end."


def energy_html(sites: Sequence[EnergySite], zone: str) -> str:
    """The page; its bytes depend on nothing but the sites.

    Args:
        sites: what is shown.
        zone: id of the zone.
    """
    title = f"Energy of {', '.join(one.site for one in sites)}"
    body = "".join(_site(one) for one in sites)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{PAGE_STYLE}{STYLE}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#main">To the report</a>'
        f"<header><h1>{escape(title)}</h1><p>Zone {escape(zone)}</p></header>\n"
        f'<main id="main">{body}</main>\n</body>\n</html>\n'
    )


def _site(site: EnergySite) -> str:
    return section(
        f"site-{site.site}",
        f"{site.title} ({site.site})",
        f"<p>Up to {site.end}.</p>",
        f"<pre>{escape(chr(10).join(site.lines))}</pre>",
        _figure(
            "Energy ratio by month",
            months_plot(site),
            "Bars from 1.0 up; whiskers: what is unknown and what the meters may err by; dashed: the limit; dark: "
            "above it; ?: unknown.",
        ),
        folded(
            "The months in numbers", table("Energy ratio by month", ["Month", "Ratio"], described_months(site.months))
        ),
        _figure(
            "Load against ratio",
            load_plot(site),
            f"A circle is a day as it was measured. The line is the {site.model.words()}, with the rooms that are open "
            f"now{_FITTED if site.model.fit is not None else '.'}",
        ),
        _figure(
            "Energy flow by meter, 365 days",
            flow_plot(site),
            "Each row is a level on one scale; dashed: what came in and is not measured at the level.",
        ),
        _imbalances(site),
        _figure(
            "Coverage by day",
            coverage_plot(site),
            "Filled: every meter of the boundary is known all day; partly: for that share; empty: not at all.",
        ),
    )


def _figure(title: str, drawing: str, caption: str) -> str:
    name = escape(title, quote=True)
    return (
        f'<h3>{escape(title)}</h3><figure class="energy"><div class="wide" tabindex="0" role="region" '
        f'aria-label="{name}">{drawing}</div><figcaption>{escape(caption)}</figcaption></figure>'
    )


def _imbalances(site: EnergySite) -> str:
    if not site.imbalances:
        return "<p>All balances close, within what the meters may err by.</p>"
    items = "".join(f"<li>{escape(one)}</li>" for one in site.imbalances)
    return f'<p class="odd">What does not close:</p><ul>{items}</ul>'
