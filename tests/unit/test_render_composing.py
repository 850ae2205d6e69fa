"""Macros and includes of a zone's own templates: the text that Jinja2 gives, the same checks, and places of faults."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from support.reference_nodes import reference_contexts, reference_nodes
from zonewright.render import NodeContext, RenderError, render_all
from zonewright.render.formats.format import File, Format
from zonewright.render.formats.format_set import TemplateText
from zonewright.render.formats.nftables import NFTABLES
from zonewright.render.quoting import FILTERS
from zonewright.render.sandbox.job import Job
from zonewright.render.sandbox.templates import load
from zonewright.render.sandbox.trace import trace
from zonewright.render.user_formats import load_formats

FORMAT = replace(NFTABLES, id="motd", filters=frozenset({"addresses", "comment"}))
FILE = File(template="motd/motd.j2", path="etc/motd")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "add-a-format.md"
MACROS = """\
{% macro line(one, label="via", last=false) %}
{{ label | comment }} {{ one.gateway | comment }}{% if last %} (last){% endif %}

{% endmacro %}
{% macro all(list, name) %}
{% for one in list %}
{{ line(one, last=loop.last) }}
{% else %}
none
{% endfor %}
{% for one in list %}
{% if one.version == 4 %}
{{ loop.index }} of {{ name | comment }}
{% endif %}
{% endfor %}
{% endmacro %}
"""
GOOD = {
    "a macro of another file": '{% import "_m.j2" as m %}\n{{ m.all(node.addresses, node.name) }}\nend\n',
    "a macro by its name": '{% from "_m.j2" import all as every, line %}\n{{ every(node.routes, node.rack) }}',
    "a macro of the template itself": "{% macro x(a, b) %}{{ a | comment }}{{ b }}{% endmacro %}{{ x(node.name, 3) }}!",
    "in a loop with the same names": (
        '{% import "_m.j2" as m %}{% for one in node.addresses %}{{ m.line(one, "x", loop.last) }}'
        "{{ m.all(node.addresses, one.pool) }}{{ one.gateway | comment }}{% endfor %}"
    ),
    "an include that sees a loop": (
        '{% for one in node.addresses %}\n{% include "_tail.j2" %}\n{% endfor %}\n{% if node.rack %}\nx\n{% endif %}'
    ),
    "an include that imports": '{% include "_deep.j2" %}',
}
PARTS = {
    "_deep.j2": '{% import "_m.j2" as m %}\n{% for a in node.routes %}\n{{ m.line(a, label="deep") }}\n{% endfor %}\n',
    "_m.j2": MACROS,
    "_tail.j2": "at {{ one.gateway | comment }} of {{ node.name | comment }}\n",
}


def text_of(source: str, parts: dict[str, str]) -> TemplateText:
    """A template with the files beside it."""
    return TemplateText(source, tuple(sorted(parts.items())))


@pytest.mark.parametrize("source", GOOD.values(), ids=GOOD)
def test_the_text_is_that_of_jinja(source: str) -> None:
    """With all put in place a template says what Jinja2 makes of it, which runs macros and includes."""
    plain = Environment(
        loader=DictLoader(PARTS), trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False
    )
    plain.filters = dict(FILTERS)
    loaded = load(FORMAT, FILE, text_of(source, PARTS))
    for node in reference_nodes()[::700]:
        assert loaded.text({"node": node}) == plain.from_string(source).render(node=node)


def macro(body: str) -> tuple[str, dict[str, str]]:
    """A template that calls one macro with a node."""
    return '{% import "_m.j2" as m %}\n{{ m.a(node) }}', {"_m.j2": f"{{% macro a(n) %}}\n{body}\n{{% endmacro %}}"}


DOUBLING = "".join(
    f"{{% macro a{i}(n) %}}{{{{ a{i + 1}(n) }}}}{{{{ a{i + 1}(n) }}}}{{% endmacro %}}" for i in range(18)
)
CALLED_IN_A_LOOP = "{% for one in node.routes %}{{ c(loop.index, node.routes) }}{% endfor %}"
BAD = {
    "a misspelt field": (*macro("{{ n.nam | comment }}"), "motd/_m.j2:2: {{ node.nam }}: something that is neither"),
    "text without a filter": (*macro("{{ n.name }}"), "motd/_m.j2:2: {{ node.name }}: expected a filter"),
    "a name that is no parameter": (*macro("{{ node.name | comment }}"), "_m.j2:2: {{ node }}: a macro sees its param"),
    "a macro that calls itself": (*macro("{{ a(n) }}"), "motd/_m.j2:2: '_m.j2:a' includes or calls itself"),
    "what only calls can do": (*macro("{{ n.name.upper() | comment }}"), "motd/_m.j2:2: "),
    "a call of something else": (*macro("{{ n.name.upper() }}"), "motd/_m.j2:2: no macro of this name; there are: a"),
    "a set": (*macro("{% set x = 1 %}"), "motd/_m.j2:2: a template must not have Assign"),
    "a caller": (*macro("{{ caller() }}"), "motd/_m.j2:2: {{ caller }}: no macro of this name"),
    "a macro in a block": (
        "{% if node %}{% macro a() %}{% endmacro %}{% endif %}",
        {},
        "motd/motd.j2:1: a macro or an",
    ),
    "an include of itself": (
        '\n{% include "_m.j2" %}',
        {"_m.j2": '\n\n{% include "_m.j2" %}'},
        "motd/_m.j2:3: '_m.j2'",
    ),
    "imports in a circle": (
        '{% import "_m.j2" as m %}',
        {"_m.j2": '{% import "_n.j2" as n %}', "_n.j2": '\n{% import "_m.j2" as m %}'},
        "motd/_n.j2:2: '_m.j2' imports itself",
    ),
    "a file that is not there": (
        '{% include "_x.j2" %}',
        {"_m.j2": ""},
        "motd.j2:1: no file '_x.j2' beside the template;",
    ),
    "a file elsewhere": ('{% include "../zone.yaml" %}', {}, "motd.j2:1: no file '../zone.yaml' beside the template"),
    "a name that is a value": ("{% include node.name %}", {}, "motd.j2:1: the name of a file that is included"),
    "an import that says something": ('{% import "_m.j2" as m %}', {"_m.j2": "x"}, "_m.j2:1: a file that is imported"),
    "an import with context": ('{% import "_m.j2" as m with context %}', {"_m.j2": ""}, "motd.j2:1: a macro sees its"),
    "no such macro": ('{% from "_m.j2" import b %}', {"_m.j2": ""}, "motd/motd.j2:1: '_m.j2' has no macro 'b'"),
    "too few arguments": ("{% macro a(x, y) %}{% endmacro %}{{ a(1) }}", {}, "motd.j2:1: no argument for y of a(x, y)"),
    "too many": (
        "{% macro a(x) %}{% endmacro %}{{ a(1, 2) }}",
        {},
        "motd.j2:1: other arguments than the macro has: a(x)",
    ),
    "twice the same": ("{% macro a(x) %}{% endmacro %}{{ a(1, x=2) }}", {}, "motd.j2:1: other arguments"),
    "a broken part": ('\n{% include "_m.j2" %}', {"_m.j2": "\n{% if %}"}, "motd/_m.j2:2: not a template"),
    "another loop's counter": (
        "{% macro c(l, y) %}\n{% for b in y %}{{ l }}{% endfor %}{% endmacro %}" + CALLED_IN_A_LOOP,
        {},
        "motd.j2:2: {{ l }}: 'loop' of another loop",
    ),
    "arguments that double": (
        "".join(f"{{% macro a{i}(n) %}}{{{{ a{i + 1}(n and n) }}}}{{% endmacro %}}" for i in range(40))
        + "{% macro a40(n) %}{% if n %}x{% endif %}{% endmacro %}{{ a0(node.name) }}",
        {},
        "more than 50,000 parts",
    ),
    "names that double": (
        '{% import "_m30.j2" as m %}x',
        {
            "_m0.j2": "{% macro a() %}{% endmacro %}",
            **{f"_m{i + 1}.j2": "".join(f'{{% import "_m{i}.j2" as {n} %}}' for n in "ab") for i in range(30)},
        },
        "more than 50,000 parts",
    ),
    "a filter with a word": (
        *macro("{{ n.name | comment(x=n.name) }}"),
        "motd/_m.j2:2: {{ node.name | comment }}: some",
    ),
    "a filter with a list": ("{{ node.name | comment(*node.x.y) }}", {}, "motd.j2:1: {{ node.name | comment }}: some"),
    "a filter with words": ("{{ node.name | comment(**node.x.y) }}", {}, "motd.j2:1: {{ node.name | comment }}: some"),
    "what has no line": ("{% autoescape false %}x{% endautoescape %}", {}, "motd.j2: a template must not have Scope;"),
    "macros that double": (
        "{{ a0(node) }}" + DOUBLING + "{% macro a18(n) %}x{% endmacro %}",
        {},
        "more than 50,000 parts",
    ),
}


@pytest.mark.parametrize(("source", "parts", "told"), BAD.values(), ids=BAD)
def test_a_fault_is_told_by_the_file_that_it_is_in(source: str, parts: dict[str, str], told: str) -> None:
    """What may not run is refused before it does, with the file and line where it is written."""
    with pytest.raises(RenderError) as caught:
        load(FORMAT, FILE, text_of(source, parts))
    assert told in str(caught.value), str(caught.value)


def test_a_value_that_cannot_be_printed_is_told_by_the_macro() -> None:
    """What a filter refuses names the macro's line and the field that it got, and so does the explanation of a line."""
    parts = {"_m.j2": "{% macro a(n) %}\n\n{{ n | addresses }}\n{% endmacro %}"}
    source = text_of('{% import "_m.j2" as m %}\n{{ m.a(node.rack) }}', parts)
    node = reference_nodes()[0]
    job = Job(path="x", format=FORMAT, file=FILE, context=node, source=source)
    with pytest.raises(RenderError, match=r"^motd/_m\.j2:3: \{\{ node\.rack \| addresses \}\}"):
        trace(job)
    good = text_of(source.text, {"_m.j2": parts["_m.j2"].replace("addresses", "comment")})
    _, line, *_ = trace(replace(job, source=good))
    assert (line.text, line.template, line.template_line) == (node.rack, "motd/_m.j2", 3)
    assert [use.path for use in line.uses] == ["node.rack"]


def folder_of_page(zone: Path) -> None:
    """The example of the page, as its reader would write it."""
    blocks = re.findall(
        r"```(?:yaml|jinja)\n(?:# |\{# )(templates/\S+)(?: #\})?\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL
    )
    assert len(blocks) == 4
    for name, text in blocks:
        (zone / name).parent.mkdir(parents=True, exist_ok=True)
        (zone / name).write_text(text, encoding="utf-8")


def test_the_example_of_the_page_works(tmp_path: Path) -> None:
    """The format of the how-to is loaded without a fault, and says of a node what it is related to."""
    folder_of_page(tmp_path)
    formats, problems = load_formats(tmp_path)
    assert problems == ()
    nodes = [one for one in reference_contexts() if isinstance(one, NodeContext)]
    node = next(one for one in nodes if len(one.neighbours) > 1)
    files = render_all([node], formats)
    others = [other.name for other in node.neighbours]
    assert files[f"nodes/{node.site}/{node.name}/etc/rack-card"].splitlines() == [
        f"{node.home.title}, room {node.place.room}, rack {node.place.rack}",
        f"node: {node.name}",
        f"type: {node.type.model}",
        *(f"also here: {name}" for name in others),
    ]
    assert node.name not in others


def test_parts_are_told_in_a_folder(tmp_path: Path) -> None:
    """A part that nobody uses, a fault in a part that two templates use, and a file of another name: once each."""
    folder_of_page(tmp_path)
    card = tmp_path / "templates" / "rack-card"
    (card / "_old.j2").write_text("x", encoding="utf-8")
    (card / "notes.j2").write_text("x", encoding="utf-8")
    assert [(one.file, one.what) for one in load_formats(tmp_path)[1]] == [
        ("templates/rack-card/_old.j2", "a part that no template uses"),
        ("templates/rack-card/notes.j2", "a template that no file uses"),
    ]
    for name in ("_old.j2", "notes.j2"):
        (card / name).unlink()
    (card / "_head.j2").write_text("\n{{ node.hom | comment }}\n", encoding="utf-8")
    (problem,) = load_formats(tmp_path)[1]
    assert str(problem).startswith("templates/rack-card/_head.j2:2: node.hom: a template that may not run")


def test_formats_without_parts_are_as_before() -> None:
    """A format of zonewright uses no part, so its templates are what they were."""
    assert isinstance(FORMAT, Format)
    assert load(NFTABLES, NFTABLES.files[0]).source.parts == ()
