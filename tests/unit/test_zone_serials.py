"""Serial numbers of DNS zones stay while the content stays, and only rise."""

from dataclasses import replace
from pathlib import Path

import pytest

from support.config_world import ONE, TWO, facility_in
from support.reference_nodes import reference_groups, zone_files
from support.reference_sites import reference_sites
from zonewright.ledger.deciding.zone_serials import serial_in
from zonewright.model.surroundings import ZoneSerial
from zonewright.render import render_all
from zonewright.render.contexts.group_context import GroupContext
from zonewright.render.contexts.serials import numbered_group, numbered_site
from zonewright.render.contexts.site_context import SiteContext


def group() -> GroupContext:
    """A group with names at other sites."""
    return next(one for one in reference_groups() if one.elsewhere)


def in_force(context: SiteContext | GroupContext, *, serial: int) -> dict[str, ZoneSerial]:
    """What a ledger would say of a subject's zones, all with one serial number."""
    found = {path: serial_in(text) for path, text in render_all([context]).items() if path.endswith(".zone")}
    return {path: replace_serial(one, serial) for path, one in found.items() if one is not None}


def replace_serial(one: ZoneSerial, serial: int) -> ZoneSerial:
    """The same content with another serial number."""
    return ZoneSerial(content=one.content, serial=serial)


def serials(context: SiteContext | GroupContext) -> set[int]:
    """The serial numbers of all its zones."""
    found = [serial_in(text) for path, text in render_all([context]).items() if path.endswith(".zone")]
    assert len(found) > 3
    return {one.serial for one in found if one is not None}


def test_every_zone_file_says_its_content_and_serial() -> None:
    """Each zone file of the reference zone is understood by what reads it for the next change."""
    texts = [text for path, text in zone_files().items() if path.endswith(".zone")]
    assert len(texts) > 100
    assert all(serial_in(text) is not None and "; content " in text for text in texts)


def test_the_same_content_keeps_its_serial_and_another_gets_the_next() -> None:
    """Every zone of a site and of a group keeps the number in force, or gets the next one for another content."""
    for context in (reference_sites()["qp-dc1"], group()):
        known = in_force(context, serial=41)
        other = {path: ZoneSerial(content=one.content % 7 + 1, serial=41) for path, one in known.items()}
        number = numbered_site if isinstance(context, SiteContext) else numbered_group
        assert serials(number(context, known)) == {41}  # type: ignore[arg-type]
        assert serials(number(context, other)) == {42}  # type: ignore[arg-type]


def test_after_the_highest_number_comes_the_first() -> None:
    """A serial number has 32 bits, and 0 is never one."""
    known = {"sites/qp-dc1/etc/bind/zones/site.zone": ZoneSerial(content=1, serial=4_294_967_295)}
    assert numbered_site(reference_sites()["qp-dc1"], known).serial == 1
    assert numbered_site(replace(reference_sites()["qp-dc1"], content=1), known).serial == 4_294_967_295


def test_the_file_of_an_older_version_is_understood() -> None:
    """Before files said their content, the serial number was it."""
    text = "$TTL 3600\n@ IN SOA ns1 hostmaster 77 3600 900 604800 300\n"
    assert serial_in(text) == ZoneSerial(content=77, serial=77)
    assert serial_in("$TTL 3600\n") is None


@pytest.mark.slow
def test_a_ledger_gives_the_number_after_the_one_in_force(tmp_path: Path) -> None:
    """Deployed, deployed again, changed and changed back: the same number, the same, the next, the one after it."""
    found = []
    with facility_in(tmp_path) as facility:
        for address in (ONE, ONE, TWO, ONE):
            files = facility.approved(address)
            text = next(text for path, text in files.items() if path.endswith("zones/site.zone"))
            one = serial_in(text)
            assert one is not None
            found.append(one.serial)
    first = found[0]
    assert found == [first, first, first + 1, first + 2]
