"""What ``pulumi up --exclude`` leaves out as a component gets no parts: the engine could not read its own state.

The engine leaves the component out and makes what is in it all the same, unless it is called with
``--exclude-dependents``. It tells a program so only in its answer to the component, which no output has. The seam is
the call in the SDK's settings of the run: it ends with it.
"""

import os
from collections.abc import Callable
from typing import Any

import pulumi
from pulumi.runtime import settings as sdk
from pulumi.runtime.proto import resource_pb2

from zonewright.program.debug_messages import command_of_engine

_OPTION, _WHOLE = "--exclude", "--exclude-dependents"
_OURS = "zonewright:index:"

Register = Callable[[resource_pb2.RegisterResourceRequest], resource_pb2.RegisterResourceResponse]


class PartsRefused:
    """Registers resources, but for parts of a component of ours that the engine left out.

    Args:
        register: the engine's call.
    """

    def __init__(self, register: Register) -> None:
        self._register = register
        self._left_out: set[str] = set()

    def __call__(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        """Register one resource.

        Raises:
            pulumi.RunError: when its component was left out.
        """
        if request.parent in self._left_out:
            kind, name = request.parent.rsplit("::", 2)[-2:]
            raise pulumi.RunError(
                f"--exclude leaves out {kind.rpartition(':')[2]} {name} and not what is in it; {request.name} was not "
                "made, since the engine would write a state that it cannot read; exclude what is in it as well, with "
                "--exclude-dependents, or run pulumi up without --exclude"
            )
        response = self._register(request)
        if not request.custom and response.unknown and request.type.startswith(_OURS):
            self._left_out.add(response.urn)
        return response


def refuse_parts_of_what_is_left_out() -> None:
    """Let an ``up`` that goes on with ``--exclude`` fail before it makes a part of a component that was left out."""
    monitor: Any = sdk.get_monitor()
    if monitor is None or pulumi.runtime.is_dry_run():
        return
    command = command_of_engine(os.getpid())
    if any(argument.startswith(_OPTION) for argument in command) and _WHOLE not in command:
        monitor.RegisterResource = PartsRefused(monitor.RegisterResource)
