"""The configuration formats, one entry each."""

import re
from dataclasses import dataclass

from zonewright.model.base import IDENTIFIER_PATTERN
from zonewright.render.context import NodeContext
from zonewright.render.errors import RenderError
from zonewright.render.quoting import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One configuration format.

    Attributes:
        id: name of its folder of templates.
        title: name for people.
        description: what its files say and rest on, in sentences for the reference.
        template: path of the template.
        path: path of a node's file among the rendered files, with ``{site}`` and ``{name}``.
        filters: names of the filters that quote for it.
        validator: command that judges the files natively below ``{root}``, or None where there is none.
        package: the Debian package that holds this command.
    """

    id: str
    title: str
    description: str
    template: str
    path: str
    filters: frozenset[str]
    validator: tuple[str, ...] | None = None
    package: str = ""

    def path_of(self, context: NodeContext) -> str:
        """Path of a node's file.

        Raises:
            RenderError: when site or name could lead to another folder.
        """
        for field, value in (("site", context.site), ("name", context.name)):
            if re.fullmatch(IDENTIFIER_PATTERN, value) is None or value.endswith("\n"):
                raise RenderError(
                    f"expected an id of a-z 0-9 -, at most 63 long, got {shown(value)}", data_path=f"node.{field}"
                )
        return self.path.format(site=context.site, name=context.name)


NETPLAN = Format(
    id="netplan",
    title="netplan: addresses and routes of a node",
    description=(
        "All wired ports of a node (`en*`) form one bond in mode active-backup, which needs nothing of the switches. "
        "The bond holds the addresses, one from each pool of the site, so that no address is on two ports, whatever "
        "the kernel calls them. The default route of each IP version goes to the gateway of the first pool of that "
        "version, in order of pool id. With `name_servers`, short names are looked up in `<site>.internal`. Router "
        "advertisements are not accepted. A node of a site without pools asks the site's own DHCP."
    ),
    template="netplan/node.yaml.j2",
    path="nodes/{site}/{name}/etc/netplan/50-zonewright.yaml",
    filters=frozenset({"comment", "yaml"}),
    validator=("netplan", "generate", "--root-dir", "{root}"),
    package="netplan.io",
)

FORMATS: tuple[Format, ...] = (NETPLAN,)
"""Formats that are rendered for every node, in this order."""
