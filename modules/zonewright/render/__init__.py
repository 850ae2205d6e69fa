"""Plain data to configuration text, the same bytes everywhere, and the native programs that judge them.

Rendering raises or returns whole text; it never returns a part, a default or an error as text.
"""

from zonewright.render.context import NodeContext, PoolAddress, node_context
from zonewright.render.difference import FileDifference, file_differences
from zonewright.render.errors import RenderError
from zonewright.render.rendering import render_nodes, tree_digest

__all__ = [
    "FileDifference",
    "NodeContext",
    "PoolAddress",
    "RenderError",
    "file_differences",
    "node_context",
    "render_nodes",
    "tree_digest",
]
