"""A template in parts: what many subjects have alike is rendered once, and not again until it differs.

The parts of a template stand beside each other and know nothing of each other, since a template that may run sets no
names. So their texts, one after the other, are the template's.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from operator import attrgetter

from jinja2 import Template, nodes
from jinja2.runtime import Context, new_context

from zonewright.render.sandbox.environment import environment


@dataclass(slots=True)
class Stretch:
    """A stretch of a template.

    Attributes:
        template: the stretch, compiled.
        subject: name of what it is rendered for.
        look: gives all values of the subject that it depends on; None where it is rendered anew each time.
        last: what these were, and the text. Whoever renders at the same time replaces both at once.
    """

    template: Template
    subject: str = ""
    look: Callable[[object], object] | None = None
    last: tuple[object, str] | None = None

    def text(self, seen: Context) -> str:
        """Its text.

        Args:
            seen: what the template starts from, as :func:`seen_by` makes it.
        """
        if self.look is None:
            return self._rendered(seen)
        values, last = self.look(seen.parent[self.subject]), self.last
        if last is None or last[0] != values:
            self.last = last = values, self._rendered(seen)
        return last[1]

    def _rendered(self, seen: Context) -> str:
        """As ``Template.render`` does, which makes what is seen anew for each template."""
        try:
            return "".join(self.template.root_render_func(seen))
        except Exception:  # noqa: BLE001 - Jinja2 puts the template's own line into its trace and raises it again
            self.template.environment.handle_exception()


def seen_by(names: Mapping[str, object]) -> Context:
    """What templates start from, made once for all templates of a subject: one that may run changes nothing of it."""
    return new_context(environment(), None, {}, dict(names))


def look_of(fields: AbstractSet[str]) -> Callable[[object], object]:
    """What gives the values of some fields; they are compared with the last ones, which are most often the same."""
    return attrgetter(*sorted(fields)) if fields else _nothing


def _nothing(_subject: object) -> object:
    return None


def stretches(
    tree: nodes.Template, fields_of: Callable[[nodes.Node], AbstractSet[str]], own: AbstractSet[str]
) -> Sequence[tuple[nodes.Template, AbstractSet[str]]]:
    """A template as few stretches that use values of one subject, or only such as others have too, in turns.

    Args:
        tree: the checked template.
        fields_of: gives the fields of the subject that a node of the tree uses.
        own: fields that hardly two subjects have alike.

    Returns:
        Each with the fields that it uses.
    """
    found: list[tuple[list[nodes.Node], set[str]]] = []
    for node in _pieces(tree):
        fields = set(fields_of(node))
        if found and (not fields or not found[-1][1] or fields.isdisjoint(own) == found[-1][1].isdisjoint(own)):
            found[-1][0].append(node)
            found[-1][1].update(fields)
        else:
            found.append(([node], fields))
    return [(_as_template(pieces, tree), fields) for pieces, fields in found]


def _pieces(tree: nodes.Template) -> Sequence[nodes.Node]:
    """The statements of a template; what is printed is taken apart."""
    return [one for node in tree.body for one in (node.nodes if isinstance(node, nodes.Output) else (node,))]


def _as_template(pieces: Sequence[nodes.Node], tree: nodes.Template) -> nodes.Template:
    body = [nodes.Output([one], lineno=one.lineno) if isinstance(one, nodes.Expr) else one for one in pieces]
    template = nodes.Template(body, lineno=1)
    if tree.environment is not None:
        template.set_environment(tree.environment)
    return template
