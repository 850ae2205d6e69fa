"""Errors end a program's run, and a call of the provider, with their sentences."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest

from support.zone_project import ZONE, cluster, facility
from zonewright.model import Declaration, OwnerFile, Zone
from zonewright.model.demand import DemandError, demand_of
from zonewright.program.ending import ending_the_run
from zonewright.program.offering import _checked
from zonewright.provider.servicer import Servicer
from zonewright.render import RenderError


def _declaration(*owners: dict[str, Any]) -> Declaration:
    """A declaration that was built in Python."""
    files = [OwnerFile.model_validate(owner, strict=False) for owner in owners]
    return Declaration(zone=Zone.model_validate(ZONE, strict=False), owners={file.owner: file for file in files})


WRONG = {"owner": "tenant-a", "clusters": {"web": cluster(2, node_type="no-u")}}


def test_a_declaration_of_a_program_is_checked() -> None:
    """An unknown type of node, and another number of owners than one, end the run with a sentence that names them."""
    with pytest.raises(pulumi.RunError, match=r"1 fault in the declaration.*\n.*web.node_type: an unknown node type"):
        _checked(_declaration(WRONG))
    with pytest.raises(pulumi.RunError, match="expected a declaration of one owner, got none"):
        _checked(_declaration())
    with pytest.raises(pulumi.RunError, match="got operator, tenant-a"):
        _checked(_declaration(facility(1), WRONG))
    good = _declaration({"owner": "tenant-a", "clusters": {"web": cluster(2)}})
    assert _checked(good) is good


def test_a_demand_of_what_is_not_there_is_a_sentence() -> None:
    """Whoever asks for the demand of an unchecked declaration is told which owner or type of node it has not."""
    with pytest.raises(DemandError, match=r"clusters.web.node_type: expected .*one-u, two-u.*, got 'no-u'"):
        demand_of(_declaration(WRONG), "tenant-a")
    with pytest.raises(DemandError, match="tenant-b: expected an owner of the declaration, tenant-a"):
        demand_of(_declaration(WRONG), "tenant-b")


def test_an_error_ends_the_run_without_a_traceback() -> None:
    """Errors of the tree and of files become the SDK's RunError; what nobody foresaw stays what it is."""
    with pytest.raises(pulumi.RunError, match=r"^nothing was rendered: motd.j2:3: no filter 'x'$"), ending_the_run():
        raise RenderError("no filter 'x'", template="motd.j2", line=3)
    with pytest.raises(pulumi.RunError, match=r"^/none/x: no such file or directory$"), ending_the_run():
        Path("/none/x").read_text(encoding="utf-8")
    with pytest.raises(ZeroDivisionError), ending_the_run():
        raise ZeroDivisionError


class _AbortedError(Exception):
    """What gRPC raises."""


class _Context:
    async def abort(self, _code: object, sentence: str) -> None:
        """End the call."""
        raise _AbortedError(sentence)


def test_a_call_of_the_provider_ends_with_the_sentence() -> None:
    """Any error of the tree ends a call with its sentences alone; what nobody foresaw is told as a fault."""
    servicer = Servicer("")

    def told(error: Exception) -> str:
        def fail() -> None:
            raise error

        with pytest.raises(_AbortedError) as caught:
            asyncio.run(servicer._in_worker(cast("Any", _Context()), fail))
        return str(caught.value)

    assert told(RenderError("no filter 'x'")) == "nothing was rendered: no filter 'x'"
    assert told(DemandError("one", "two")) == "one; two"
    assert told(KeyError("x")).startswith("zonewright has a fault (KeyError: 'x')")
