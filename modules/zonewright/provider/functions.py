"""Functions of the package: they ask the ledger, and change nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.capacity_messages import CapacityRequest, FitRequest
from zonewright.ledger.protocol.holding_messages import HoldingRequest
from zonewright.provider.resource import STACK_ID, CheckFailedError, Data, Input, ProviderSession, check_inputs
from zonewright.provider.resources.completion import capacity_data
from zonewright.provider.resources.node import NodeResource

_SITE = Input("string", "id of the site")


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function.

    Attributes:
        token: its Pulumi token.
        description: what it gives.
        inputs: what it takes.
        outputs: what it gives.
        ask: asks the ledger.
    """

    token: str
    description: str
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Input]
    ask: Callable[[ProviderSession, Data], dict[str, Any]]

    def call(self, session: ProviderSession, arguments: Data) -> dict[str, Any]:
        """What it gives for its arguments.

        Raises:
            CheckFailedError: with all that is wrong with them, or when there is no such thing.
        """
        check_inputs(self.inputs, arguments)
        return self.ask(session, arguments)


def _capacity(session: ProviderSession, arguments: Data) -> dict[str, Any]:
    request = CapacityRequest(sites=list(arguments.get("sites", ())))
    found = session.ledger.call(verbs.CAPACITY, request).sites
    _require(set(request.sites) - found.keys())
    return {"sites": {name: capacity_data(site) for name, site in found.items()}}


def _site(session: ProviderSession, arguments: Data) -> dict[str, Any]:
    name = arguments["site"]
    answer = session.ledger.call(verbs.CAPACITY, CapacityRequest(sites=[name], about=True))
    _require({name} - answer.about.keys())
    return {"site": name, "about": answer.about[name], "free": capacity_data(answer.sites[name])}


def _require(missing: set[str]) -> None:
    if missing:
        names = ", ".join(sorted(missing))
        raise CheckFailedError(
            f"no site {names} is in the ledger; expected the id of a site whose operator's stack is up, as zonewright "
            "ledger status lists them"
        )


def _node(session: ProviderSession, arguments: Data) -> dict[str, Any]:
    stack_id, name = arguments["stackId"], arguments["name"]
    request = HoldingRequest(stack_id=stack_id, kind="node", name=name)
    holding = session.ledger.call(verbs.READ, request).holding
    if holding is None:
        raise CheckFailedError(
            f"stack {stack_id} has no node {name} in the ledger; expected a name such as web-001 of a node that was "
            "admitted; run pulumi up in its stack first"
        )
    return {
        "name": name,
        **NodeResource().known(holding.data),
        "state": holding.state,
        "generation": holding.generation,
    }


def _find(session: ProviderSession, arguments: Data) -> dict[str, Any]:
    request = FitRequest(
        watts=arguments["watts"],
        units=arguments.get("units", 0),
        site=arguments.get("site"),
        cooling=arguments.get("cooling"),
        protection_level=arguments.get("protectionLevel"),
    )
    rooms = session.ledger.call(verbs.FIT, request).rooms
    return {
        "rooms": [
            {
                "room": room.room,
                "racks": room.racks,
                "freeKw": room.free_w / 1000,
                "freeU": room.free_units,
                "isOpen": room.is_open,
                "notes": list(room.notes),
            }
            for room in rooms
        ]
    }


FUNCTIONS: Mapping[str, Function] = {
    function.token: function
    for function in (
        Function(
            token="zonewright:index:getCapacity",  # noqa: S106 - a Pulumi token
            description="What is free now: racks, rack units, kW and kg by site and room.",
            inputs={"sites": Input("array", "ids of the sites; without any, all", required=False)},
            outputs={"sites": Input("object", "what is free by id of the site", nested=True)},
            ask=_capacity,
        ),
        Function(
            token="zonewright:index:getSite",  # noqa: S106
            description="What a site is, as its operator declares it, and what is free in it now.",
            inputs={"site": _SITE},
            outputs={
                "site": _SITE,
                "about": Input("object", "its fields as declared, without rooms", nested=True),
                "free": Input("object", "what is free in it, as getCapacity says it", nested=True),
            },
            ask=_site,
        ),
        Function(
            token="zonewright:index:getNode",  # noqa: S106
            description="Where a node of a stack stands, as the ledger has it.",
            inputs={"stackId": STACK_ID, "name": Input("string", "name of the node, which is its host name")},
            outputs={
                "name": Input("string", "name of the node"),
                **{name: NodeResource.inputs[name] for name in ("nodeType", "rack", "position", "face", "addresses")},
                "state": Input("string", "admitted, active or releasing"),
                "generation": Input("integer", "number that the ledger raises with each confirm"),
            },
            ask=_node,
        ),
        Function(
            token="zonewright:index:find",  # noqa: S106
            description="Rooms that have so many watts and rack units, those that fit first. Nothing is held.",
            inputs={
                "watts": Input("integer", "IT power in watts, whichever feed is lost"),
                "units": Input("integer", "rack units, in any pieces", required=False),
                "site": Input("string", "only this site", required=False),
                "cooling": Input(
                    "string", "air, liquid, hybrid or immersion", required=False, pattern="air|liquid|hybrid|immersion"
                ),
                "protectionLevel": Input("integer", "level of protection, 1 to 5", required=False, pattern="[1-5]"),
            },
            outputs={
                "rooms": Input(
                    "array",
                    "each with `room`, `racks` that it would take (0 where it does not fit), `freeKw` and `freeU`",
                    nested=True,
                )
            },
            ask=_find,
        ),
    )
}
"""By token."""
