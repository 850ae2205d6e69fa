"""Where each line comes from: the template's line, and the declaration's, for every line of every format."""

import re
from functools import cache

import pytest

from support.reference_nodes import reference_contexts, zone_files
from support.reference_sites import reference_views
from support.zone_contexts import ON, small_sites, switched_contexts
from support.zone_project import REPOSITORY
from zonewright.changes.explaining import Explained, explain_line
from zonewright.declare.load import load_zone
from zonewright.model import Declaration
from zonewright.render import RenderError, render_all
from zonewright.render.contexts.group_context import GroupContext
from zonewright.render.contexts.node_context import leaves
from zonewright.render.formats import FORMATS
from zonewright.render.formats.format import AnyContext, root_of, subject_of
from zonewright.render.formats.format_set import BUILT_IN
from zonewright.render.origins import origins
from zonewright.render.sandbox.job import Job, jobs_of
from zonewright.render.sandbox.trace import trace

TEMPLATES = REPOSITORY / "templates" / "zonewright_templates"
ZONE = REPOSITORY / "stacks" / "zones" / "reference"


@cache
def known() -> Declaration:
    """The whole reference zone, with the places of all that is declared."""
    declaration = load_zone(ZONE, on=ON).declaration
    assert declaration is not None
    return declaration


def contexts() -> list[AnyContext]:
    """Some nodes, all groups and all sites, also of the small zone."""
    groups = [one for one in reference_contexts() if isinstance(one, GroupContext)]
    return [*reference_contexts()[:5], *groups, *reference_views(), *small_sites(), *switched_contexts()]


def jobs(format_id: str) -> list[Job]:
    """The files of a format."""
    made = [job for one in contexts() for job in jobs_of(one, root_of(one), BUILT_IN)]
    return [job for job in made if job.format.id == format_id]


@pytest.mark.parametrize("format_id", [item.id for item in FORMATS])
def test_every_line_is_explained_by_its_template_line(format_id: str) -> None:
    """The lines are the file's, each with the template's line whose own text stands in it."""
    found = jobs(format_id)
    assert found
    files = {**zone_files(), **render_all([*small_sites(), *switched_contexts()])}
    for job in found:
        source = (TEMPLATES / job.file.template).read_text(encoding="utf-8").splitlines()
        lines = trace(job)
        assert "".join(f"{line.text}\n" for line in lines) == files[job.path]
        assert [line.number for line in lines] == list(range(1, len(lines) + 1))
        for line in lines:
            own = source[line.template_line - 1]
            literal = [part for part in re.split(r"\{\{.*?\}\}|\{%.*%\}", own) if part.strip()]
            assert all(part in line.text for part in literal), (job.path, line, own)
            for use in line.uses:
                assert use.text in line.text


def test_every_value_has_a_declaration() -> None:
    """No value of any context is without a file, a line and an owner, where all files are at hand."""
    for context in contexts():
        for path, _ in leaves(context, subject_of(context)):
            if re.search(r"label_rows\[\d+\d\]", path):
                continue  # rows of one range are like each other
            assert origins(context, path), path


def explained(path: str, line: str) -> Explained:
    """The explanation of the first line of a file that has a text in it."""
    number = 1 + next(index for index, text in enumerate(zone_files()[path].splitlines()) if line in text)
    everything = [*reference_contexts(), *reference_views()]
    return explain_line(path, number, everything, BUILT_IN, known())


CASES = [
    ("sites/wj-edge-lili/etc/frr/frr.conf", "ip address 10.79.0.17/31", "carrier-b", "prefixes:"),
    ("sites/wj-edge-lili/etc/frr/frr.conf", "router bgp", "operator-a", "as_number: 4200000006"),
    ("sites/qp-dc1/etc/frr/frr.conf", "permit 10.80.32.0/20", "operator-c", "prefix: 10.80.32.0/20"),
    ("sites/qp-dc1/etc/kea/kea-dhcp4.conf", "10.80.31.1 -", "operator-b", "dynamic:"),
    ("sites/qp-dc1/etc/bind/zones/site.zone", "ns1 IN A", "operator-b", "name_servers:"),
    ("sites/qp-dc1/etc/prometheus/prometheus.yml", "service.zone", "zone", "service: https"),
    ("nodes/qp-dc1/core-001/etc/netplan/50-zonewright.yaml", "via:", "operator-b", "gateway: 10.81.16.1"),
    ("nodes/qp-dc1/core-001/etc/nftables.conf", "10.79.255.10,", "zone", "service_addresses:"),
    ("nodes/qp-dc1/core-001/etc/zonewright-agent/agent.toml", "power_max_w", "tenant-fin", "node_type:"),
    ("groups/qp-dc1/tenant-fin/etc/bind/zones/groups/tenant-fin/forward.zone", "core-001 IN A", "tenant-fin", '"001":'),
]


@pytest.mark.parametrize(("path", "line", "owner", "declared"), CASES)
def test_a_line_leads_to_the_owners_file(path: str, line: str, owner: str, declared: str) -> None:
    """The declaration that a line leads to says it, in the file of the party whose it is."""
    found = explained(path, line).origins
    assert owner in {one.owner for one in found}, found
    told = []
    for one in found:
        file, _, number = one.source.partition(":")
        told.append((ZONE / file).read_text(encoding="utf-8").splitlines()[int(number) - 1])
    assert any(declared in text for text in told), told


@pytest.mark.parametrize(
    ("path", "number", "said"),
    [("sites/qp-dc1/etc/nothing", 1, "no file"), ("sites/qp-dc1/etc/frr/frr.conf", 0, "no line 0")],
)
def test_what_is_not_there_is_said(path: str, number: int, said: str) -> None:
    """A file or line that is not rendered ends with a sentence."""
    with pytest.raises(RenderError, match=said):
        explain_line(path, number, list(reference_views()), BUILT_IN, known())
