"""Nodes and sites that a ledger holds for the owners of an estate's folder, those that have a resource only."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from zonewright.declare.stack_file import StackFile, StackFileError, project_folder, read_stack_file
from zonewright.estate.drift import HeldNode
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.found_messages import FindRequest
from zonewright.ledger.protocol.stack_messages import ReportRequest, stack_id_of
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration, Site
from zonewright.model.expand import node_numbers, nodes_of

_PREFIX = "Pulumi."


def stacks_of(root: Path, folder: Path, owner_files: Mapping[str, Path]) -> dict[str, list[str]]:
    """Ids of the stacks of each owner: those of the project whose declaration is its file, and the loaded one.

    Args:
        root: root of the project.
        folder: the zone's folder.
        owner_files: the file of each owner.
    """
    found = {owner: [stack_id_of(owner)] for owner in owner_files}
    by_file = {(folder / path.name).resolve(): owner for owner, path in owner_files.items()}
    for stack in _stack_files(root):
        owner = by_file.get((root / stack.declaration).resolve())
        if owner is not None:
            found[owner].append(stack.stack_id)
    return found


def _stack_files(root: Path) -> Iterator[StackFile]:
    try:
        where = project_folder(root)
    except StackFileError:
        return  # no project here: what is loaded has no stack file
    for path in sorted(where.glob(f"{_PREFIX}*.yaml")):
        yield read_stack_file(root, path.name.removeprefix(_PREFIX).removesuffix(".yaml"))


def held_nodes(client: LedgerClient, declaration: Declaration, stacks: Mapping[str, list[str]]) -> list[HeldNode]:
    """The nodes that stand: claims with a resource, under the names of the declaration.

    Args:
        client: the ledger.
        declaration: what the owners declare; a node of none of its clusters belongs to the cluster that its name says.
        stacks: ids of the stacks of each owner.
    """
    found: list[HeldNode] = []
    for owner, ids in stacks.items():
        declared = {
            node.name: (cluster_id, int(number))
            for cluster_id, cluster in declaration.owners[owner].clusters.items()
            for number, node in zip(node_numbers(cluster), nodes_of(cluster_id, cluster), strict=True)
        }
        for stack_id in ids:
            for item in client.call(verbs.REPORT, ReportRequest(stack_id=stack_id)).holdings:
                said, _, last = item.name.rpartition("-")
                cluster, number = declared.get(item.name, (said, int(last) if last.isdecimal() else 0))
                data: dict[str, Any] = dict(item.data)
                if item.kind == "node" and item.state == "active":
                    found.append(
                        HeldNode(
                            party=owner,
                            cluster=cluster,
                            number=number,
                            host=item.name,
                            node_type=str(data["node_type_id"]),
                            rack=str(data["rack"]),
                            position=int(data["position"]),
                            face=str(data["face"]),
                            addresses={str(key): str(text) for key, text in (data.get("addresses") or {}).items()},
                        )
                    )
    return found


def held_sites(client: LedgerClient, stacks: Mapping[str, list[str]]) -> dict[str, Site]:
    """The sites that are in the ledger with a resource, without their rows, by id.

    Args:
        client: the ledger.
        stacks: ids of the stacks of each owner.
    """
    return {
        item.name: Site.model_validate_json(json.dumps(dict(item.data)["site"]))
        for ids in stacks.values()
        for stack_id in ids
        for item in client.call(verbs.REPORT, ReportRequest(stack_id=stack_id)).holdings
        if item.kind == "site" and item.state == "active"
    }


def where_standing(client: LedgerClient, hosts: Iterable[str]) -> dict[str, str]:
    """Where the ledger has each of some hosts, in whatever stack and state; one that it does not have is left out.

    Args:
        client: the ledger.
        hosts: names of nodes.
    """
    found: dict[str, str] = {}
    for host in sorted(set(hosts) - {""}):
        for one in client.call(verbs.FIND, FindRequest(subject=host)).stands:
            if one.kind == "node" and one.name == host:
                found.setdefault(host, f"{one.state} at {one.place}, in stack {one.stack_id}")
    return found
