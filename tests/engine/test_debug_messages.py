"""What Pulumi's SDK logs for debugging, on the real engine: sent to it only when somebody asks."""

import json
from dataclasses import replace

import pytest

from support.zone_project import Stack
from zonewright.program.debug_messages import VARIABLE

pytestmark = pytest.mark.engine
_PROGRAM = """
import pulumi
import zonewright

pulumi.log.debug("mine before")
zonewright.deploy()
pulumi.log.debug("mine after")
pulumi.log.warn("a warning of mine")
"""
_OF_A_STACK = """
import zonewright

cluster = zonewright.Cluster(site="dc1", node_type="one-u", count=2)
zonewright.Stack("shop", party="tenant-a", clusters={"web": cluster})
"""


def _sent(stack: Stack, *options: str, **variables: str) -> list[str]:
    """The messages that the engine gets in a preview; it writes all of them into its log of events."""
    events = stack.root / "events.jsonl"
    events.unlink(missing_ok=True)
    stack.run("preview", *options, "--event-log", str(events), variables={"PULUMI_DEBUG_COMMANDS": "true", **variables})
    lines = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    return [line["diagnosticEvent"]["message"].strip() for line in lines if "diagnosticEvent" in line]


def _about_nodes(messages: list[str]) -> int:
    return sum("ty=zonewright:index:Node" in text for text in messages)


def test_a_run_sends_no_debug_messages_of_the_sdk(declared: Stack) -> None:
    """A preview of either kind of program sends none for its nodes, but all that it logs; the setting brings them."""
    declared.program(_PROGRAM)
    plain = _sent(declared)
    assert _about_nodes(plain) == 0
    assert [text for text in plain if "mine" in text] == ["mine before", "mine after", "a warning of mine"]
    asked = _sent(declared, **{VARIABLE: "1"})
    assert _about_nodes(asked) >= 4  # two nodes, each prepared and registered
    assert len(asked) > len(plain) + 20
    declared.program(_OF_A_STACK)
    assert _about_nodes(_sent(declared)) == 0


@pytest.mark.real_python  # a fork does not descend from the engine
def test_an_engine_that_debugs_gets_them(declared: Stack) -> None:
    """Without a setting, the program of a ``Stack`` sends them with `--debug`."""
    declared.program(_OF_A_STACK)
    assert _about_nodes(_sent(replace(declared, is_attached=True), "--debug")) >= 4
