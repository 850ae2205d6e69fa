"""Plain data to configuration text, the same bytes everywhere, and the native programs that judge them.

Rendering raises or returns whole text; it never returns a part, a default or an error as text.
"""

from zonewright.render.contexts.node_context import NodeContext, PoolAddress, node_context
from zonewright.render.contexts.site_context import SiteContext, site_context
from zonewright.render.errors import RenderError
from zonewright.render.rendering import render_all, tree_digest

__all__ = [
    "NodeContext",
    "PoolAddress",
    "RenderError",
    "SiteContext",
    "node_context",
    "render_all",
    "site_context",
    "tree_digest",
]
