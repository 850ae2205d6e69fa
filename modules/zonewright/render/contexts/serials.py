"""Serial numbers of the zones of the DNS: they stay while the content stays, and rise when it changes.

What is in force is known from the files of the stack's present admission. Without them a zone begins with a number that
comes from its content.
"""

from collections.abc import Mapping
from dataclasses import replace

from zonewright.model.surroundings import ZoneSerial
from zonewright.render.contexts.group_context import GroupContext
from zonewright.render.contexts.naming import ReverseZone
from zonewright.render.contexts.site_context import SiteContext
from zonewright.render.contexts.site_names import ServiceZone

_HIGHEST = 4_294_967_295


def numbered_site(context: SiteContext, known: Mapping[str, ZoneSerial]) -> SiteContext:
    """A site with the serial numbers that its zones have after those in force.

    Args:
        context: what templates see of the site.
        known: content and serial number in force by path of the zone's file.
    """
    root = f"sites/{context.name}/etc/bind/zones"
    return replace(
        context,
        serial=_next(context.content, known.get(f"{root}/site.zone")),
        service_zones=tuple(
            _service(one, known.get(f"{root}/service/{one.key}.zone")) for one in context.service_zones
        ),
        reverse_zones=tuple(
            _reverse(one, known.get(f"{root}/reverse/{one.key}.zone")) for one in context.reverse_zones
        ),
    )


def numbered_group(context: GroupContext, known: Mapping[str, ZoneSerial]) -> GroupContext:
    """The same for a party's nodes at a site."""
    root = f"groups/{context.site}/{context.name}/etc/bind/zones/groups/{context.name}"
    return replace(
        context,
        serial=_next(context.content, known.get(f"{root}/forward.zone")),
        elsewhere=tuple(
            replace(one, serial=_next(one.content, known.get(f"{root}/sites/{one.key}.zone")))
            for one in context.elsewhere
        ),
        reverse_zones=tuple(_reverse(one, known.get(f"{root}/{one.key}.zone")) for one in context.reverse_zones),
    )


def _service(zone: ServiceZone, known: ZoneSerial | None) -> ServiceZone:
    return replace(zone, serial=_next(zone.content, known))


def _reverse(zone: ReverseZone, known: ZoneSerial | None) -> ReverseZone:
    return replace(zone, serial=_next(zone.content, known))


def _next(content: int, known: ZoneSerial | None) -> int:
    """The number in force for the same content, else the next one; after the highest comes 1 (RFC 1982)."""
    if known is None:
        return content
    return known.serial if known.content == content else known.serial % _HIGHEST + 1
