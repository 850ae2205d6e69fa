"""The configuration formats, one entry each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One configuration format.

    Attributes:
        id: name of its folder of templates.
        title: name for people.
        template: path of the template.
        path: where the file of a node goes, with ``{site}`` and ``{name}``.
        validator: the program that judges it natively, or empty.
    """

    id: str
    title: str
    template: str
    path: str
    validator: str = ""


NETPLAN = Format(
    id="netplan",
    title="netplan: addresses and routes of a node",
    template="netplan/node.yaml.j2",
    path="nodes/{site}/{name}/etc/netplan/50-zonewright.yaml",
    validator="netplan",
)

NODE_FORMATS: tuple[Format, ...] = (NETPLAN,)
"""Formats that are rendered for every node."""
