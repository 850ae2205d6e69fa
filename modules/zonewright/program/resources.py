"""Typed Pulumi resources of the provider; a test compares them with the provider's schema."""

from collections.abc import Iterable, Mapping
from typing import Any

import pulumi

from zonewright.changes.sizes import FormatSize
from zonewright.model.asset import AnyAsset, asset_text
from zonewright.model.asset_properties import asset_properties
from zonewright.model.canonical import canonical_json, digest_of


class Provider(pulumi.ProviderResource):
    """The provider, configured with the ledger's URL; a token comes from the environment, never from here."""

    def __init__(self, name: str, *, ledger: str) -> None:
        super().__init__("zonewright", name, {"ledger": ledger})


class Enrolment(pulumi.CustomResource):
    """A stack's standing in the ledger; its ``lineage`` output tells states of the same stack id apart."""

    lineage: pulumi.Output[str]

    def __init__(self, name: str, *, stack_id: str, party: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__(
            "zonewright:index:Enrolment", name, {"stackId": stack_id, "party": party, "lineage": None}, opts
        )


class Admission(pulumi.CustomResource):
    """One decision of the ledger on the whole change."""

    summary: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        stack_id: str,
        party: str,
        lineage: pulumi.Input[str],
        demand_digest: str,
        places: Mapping[str, str],
        rendered_digest: str,
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, object] = {
            "stackId": stack_id,
            "party": party,
            "lineage": lineage,
            "demandDigest": demand_digest,
            "places": dict(places),
            "renderedDigest": rendered_digest,
            "summary": None,
            "changeDigest": None,
        }
        super().__init__("zonewright:index:Admission", name, properties, opts)


class Completion(pulumi.CustomResource):
    """Closes a change and says what it left free; its delete is the first step of a destroy.

    That is no output of the stack by itself: a refused update would print each of those as taken away.
    """

    capacity: pulumi.Output[Mapping[str, Any] | None]

    def __init__(self, name: str, *, stack_id: str, change_digest: str, opts: pulumi.ResourceOptions) -> None:
        properties: dict[str, object] = {
            "stackId": stack_id,
            "changeDigest": change_digest,
            "free": None,
            "capacity": None,
        }
        super().__init__("zonewright:index:Completion", name, properties, opts)


class Asset(pulumi.CustomResource):
    """A Site, a Row, a Duct or a Link that an operator brings in."""

    def __init__(self, kind: str, name: str, *, stack_id: str, asset: AnyAsset, opts: pulumi.ResourceOptions) -> None:
        properties: dict[str, object] = {
            "stackId": stack_id,
            "asset": name,
            "digest": digest_of(asset_text(asset)),
            **asset_properties(asset),
            "generation": None,
        }
        super().__init__(f"zonewright:index:{kind}", name, properties, opts)


class Node(pulumi.CustomResource):
    """A server in its place."""

    claim: pulumi.Output[str]
    rack: pulumi.Output[str]
    position: pulumi.Output[int]
    face: pulumi.Output[str]
    addresses: pulumi.Output[Mapping[str, str]]
    generation: pulumi.Output[int]

    def __init__(
        self,
        name: str,
        *,
        stack_id: str,
        node_type: str,
        rack: str,
        position: int,
        face: str,
        addresses: Mapping[str, str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, object] = {
            "stackId": stack_id,
            "claim": name,
            "nodeType": node_type,
            "rack": rack,
            "position": position,
            "face": face,
            "addresses": dict(addresses),
            "generation": None,
        }
        super().__init__("zonewright:index:Node", name, properties, opts)


class SiteConfig(pulumi.CustomResource):
    """The rendered configurations of this stack at one site: their digest, and how much there is of each format."""

    def __init__(
        self,
        name: str,
        *,
        stack_id: str,
        files: Mapping[str, str],
        sizes: Mapping[str, FormatSize],
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, object] = {
            "stackId": stack_id,
            "site": name,
            "filesDigest": digest_of(canonical_json(dict(files))),
            "formats": {name: {"files": size.files, "bytes": size.bytes} for name, size in sizes.items()},
            "count": None,
        }
        super().__init__("zonewright:index:SiteConfig", name, properties, opts)


class AgentDeployment(pulumi.CustomResource):
    """The agent on the hosts of one site."""

    def __init__(
        self,
        name: str,
        *,
        stack_id: str,
        fleet: str,
        release: Mapping[str, str],
        hosts: Mapping[str, str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, object] = {
            "stackId": stack_id,
            "site": name,
            "fleet": fleet,
            **release,
            "hosts": dict(hosts),
            "releases": None,
            "run": None,
        }
        super().__init__("zonewright:index:AgentDeployment", name, properties, opts)


class ConfigurationDeployment(pulumi.CustomResource):
    """The rendered files of one site in force on its hosts."""

    def __init__(
        self,
        name: str,
        *,
        stack_id: str,
        fleet: str,
        zone: str,
        files: Mapping[str, str],
        settings_digest: str,
        hosts: Iterable[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, object] = {
            "stackId": stack_id,
            "site": name,
            "fleet": fleet,
            "zone": zone,
            "filesDigest": digest_of(canonical_json(dict(files))),
            "settingsDigest": settings_digest,
            "hosts": dict.fromkeys(hosts, "as declared"),
            "versions": None,
            "run": None,
        }
        super().__init__("zonewright:index:ConfigurationDeployment", name, properties, opts)


def after(parent: pulumi.Resource, *resources: pulumi.Resource, was: tuple[str, ...] = ()) -> pulumi.ResourceOptions:
    """Options of a child of ``parent`` that is made after ``resources``; the provider is the parent's.

    Args:
        parent: its parent.
        resources: what it waits for.
        was: names that it may have had before.
    """
    aliases: list[pulumi.Input[str | pulumi.Alias]] = [pulumi.Alias(name=name) for name in was]
    return pulumi.ResourceOptions(parent=parent, depends_on=list(resources), aliases=aliases or None)
