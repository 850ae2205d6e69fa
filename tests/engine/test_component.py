"""The component `Stack` as programs in other languages ask for it: by its token, through the engine.

No host for YAML or TypeScript is beside the engine that is built here. A Python program that knows nothing of
zonewright but the token sends the engine the same request as theirs would.
"""

import json

import pytest

from support.zone_project import SmallZone, Stack

pytestmark = pytest.mark.engine
PROGRAM = """\
import json

import pulumi


class Shop(pulumi.ComponentResource):
    nodes: pulumi.Output[dict]

    def __init__(self, clusters):
        outputs = {{"nodes": None, "admission": None}}
        given = {{"party": "tenant-a", "clusters": clusters}}
        super().__init__("zonewright:index:Stack", "shop", {{**given, **outputs}}, None, True)


shop = Shop({clusters})
pulumi.export("rack", shop.nodes["web-001"]["rack"])
pulumi.export("addresses", shop.nodes.apply(lambda nodes: {{name: node["ipv4"][0] for name, node in nodes.items()}}))
pulumi.export("admission", shop.admission)
"""


def _program(stack: Stack, clusters: str) -> None:
    stack.program(PROGRAM.format(clusters=clusters))


def _web(count: int) -> str:
    return json.dumps({"web": {"site": "dc1", "nodeType": "one-u", "count": count, "spread": {"scope": "rack"}}})


def test_a_component_of_another_language_places_nodes(operated: SmallZone) -> None:
    """It is previewed, comes up with its nodes as outputs, changes, and is taken away, as the one of Python is."""
    tenant = operated.stack("tenant-a")
    _program(tenant, _web(2))
    preview = tenant.run("preview", "--diff").stdout
    assert "dc1/a/01/01" in preview, preview
    assert tenant.holdings() == []
    tenant.up()
    tenant.settled()
    outputs = tenant.outputs()
    assert outputs["rack"] == "dc1/a/01/01"
    assert outputs["addresses"] == {"web-001": "10.80.0.3", "web-002": "10.80.0.4"}
    assert outputs["admission"].startswith("adm-")
    tenant.up("--expect-no-changes")
    _program(tenant, _web(3))
    tenant.up()
    tenant.settled()
    assert len(tenant.places()) == 3
    tenant.run("destroy", "--yes", "--skip-preview")
    assert tenant.holdings("active") == []


@pytest.mark.parametrize(
    ("clusters", "said"),
    [
        (
            '{"web": {"site": "dc1", "nodeType": "one-u", "count": "two"}}',
            "clusters.web.count: input should be a valid",
        ),
        ('{"web": {"site": "dc1", "nodeType": "one-u", "count": 90}}', "have no place"),
        ('{"web": {"site": "dc1", "nodeType": "no-u", "count": 1}}', "an unknown node type"),
        ('{"web": {"site": "dc1", "nodeType": pulumi.Output.secret("one-u"), "count": 1}}', "expected plain values"),
    ],
    ids=["count", "full", "type", "output"],
)
def test_what_is_wrong_with_a_component_is_a_sentence(operated: SmallZone, clusters: str, said: str) -> None:
    """Wrong fields, a refused change and values that are outputs end the run with a sentence; nothing exists then."""
    tenant = operated.stack("tenant-a")
    _program(tenant, clusters)
    # The SDK of a program whose engine ends first may print where it waited: that is told besides, and not by us.
    result = tenant.run("up", "--yes", "--skip-preview", check=False)
    assert result.returncode != 0
    output = " ".join(result.stdout.split())
    assert said in output, output
    assert tenant.holdings() == []
    assert tenant.resources("Node") == []
