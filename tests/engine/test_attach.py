"""A provider under a debugger: started by hand, and attached to by the engine."""

import pytest

from support.provider_process import provider_process
from support.zone_project import Stack

pytestmark = pytest.mark.engine


def test_the_engine_attaches_to_a_provider_that_runs(declared: Stack) -> None:
    """With `PULUMI_DEBUG_PROVIDERS` several runs use one process, and log to the engine that runs."""
    with provider_process(declared.root) as provider:
        attached = {"PULUMI_DEBUG_PROVIDERS": f"zonewright:{provider.port}"}
        assert "would be admitted" in declared.run("preview", variables=attached).stdout
        assert "admitted: " in declared.up(variables=attached)
        declared.run("preview", "--expect-no-changes", variables=attached)
        assert provider.engine.logged == []
    declared.settled()
