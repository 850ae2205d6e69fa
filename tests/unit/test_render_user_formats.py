"""A zone's own formats and templates: the same interface, checked before they run, and contained when they do."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from support.reference_nodes import reference_contexts, reference_nodes
from support.reference_sites import edge_site
from zonewright.declare.problem import Problem
from zonewright.declare.yaml_text.text import read_text
from zonewright.render import NodeContext, RenderError, render_all
from zonewright.render.formats.format import File, Format
from zonewright.render.formats.format_set import BUILT_IN, FormatSet
from zonewright.render.formats.nftables import NFTABLES
from zonewright.render.sandbox import confined
from zonewright.render.sandbox.environment import environment
from zonewright.render.sandbox.templates import check, load
from zonewright.render.user_formats import load_formats
from zonewright.render.validators.validate import validate_all

MOTD = {
    "title": "motd: what a host says of itself",
    "subject": "node",
    "files": [{"template": "motd.j2", "path": "etc/motd"}],
    "filters": ["comment"],
}


def node() -> NodeContext:
    """One of the reference zone."""
    return reference_nodes()[0]


def write(zone: Path, name: str, text: str) -> Path:
    """One file below the zone's templates."""
    path = zone / "templates" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def motd(zone: Path, template: str, **more: object) -> tuple[FormatSet, list[str]]:
    """The zone's formats with a new one of one template, and what is wrong with them as sentences."""
    write(zone, "motd/format.yaml", yaml.safe_dump({**MOTD, **more}))
    write(zone, "motd/motd.j2", template)
    formats, problems = load_formats(zone)
    return formats, [str(one) for one in problems]


def test_a_zone_without_templates_has_the_built_in_formats(tmp_path: Path) -> None:
    """No folder is no difference."""
    assert load_formats(tmp_path) == (BUILT_IN, ())


def test_a_format_of_ones_own_is_rendered_and_judged(tmp_path: Path) -> None:
    """A new format has its files beside the others, and its own program's verdict."""
    judge = {"program": "grep", "package": "grep", "commands": [["-q", "Rack", "{root}/etc/motd"]]}
    formats, problems = motd(tmp_path, "Rack {{ node.rack | comment }}\n", check=judge)
    assert problems == []
    files = render_all([node()], formats)
    path = next(path for path in files if path.endswith("/etc/motd"))
    assert files[path] == f"Rack {node().rack}\n"
    assert {other: text for other, text in files.items() if other != path} == dict(render_all([node()]))
    (judged,) = [item for item in validate_all(files, formats=formats, changed=[path]) if item.format == "motd"]
    assert judged.verdict.status == "pass"


def test_a_file_for_each_thing_of_a_list(tmp_path: Path) -> None:
    """A format of one's own can have a file for each item with a key."""
    entry = {"template": "motd.j2", "path": "etc/zones/{key}", "each": "reverse_zones"}
    formats, problems = motd(tmp_path, "{{ item.key | name }}\n", subject="site", files=[entry], filters=["name"])
    assert problems == []
    files = render_all([edge_site()], formats)
    for zone in edge_site().reverse_zones:
        assert files[f"sites/{edge_site().name}/etc/zones/{zone.key}"] == f"{zone.key}\n"


def test_an_override_takes_the_place_of_one_template(tmp_path: Path) -> None:
    """A template of the same name goes before zonewright's own; all others stay."""
    write(
        tmp_path,
        "chrony/chrony.conf.j2",
        "# ours\n{% for one in node.time_servers %}\npool {{ one | address }}\n{% endfor %}\n",
    )
    formats, problems = load_formats(tmp_path)
    assert problems == ()
    plain, own = render_all([node()]), render_all([node()], formats)
    assert [path.rsplit("/", 1)[1] for path in plain if plain[path] != own[path]] == ["chrony.conf"]
    assert next(text for path, text in own.items() if path.endswith("chrony.conf")).startswith("# ours\npool 10.")


@pytest.mark.parametrize(
    "source",
    [
        "{% if node %}here{% endif %}\n{{ node.site | comment }}\n",
        "{% for one in node.routes %}{% if one == node %}{% else %}{{ loop.index }}{% endif %}{% endfor %}\n",
        "{% for node in node.addresses %}{{ node.gateway | comment }}{% endfor %}{{ node.rack | comment }}\n",
        "{% for one in node.uplinks %}{{ one | comment }}{% else %}{{ node.name | comment }}{% endfor %}\n",
        "{% for a in node.fellows_v4 %}{% for b in node.routes %}{{ b.address | comment }}{% endfor %}{% endfor %}\n",
        "{{ node.party | comment }}{{ node.position }}{% if not node.service_v6 %}{{ node.service_port }}{% endif %}\n",
    ],
)
def test_what_nodes_share_is_the_text_of_each(source: str) -> None:
    """Nodes rendered in turns have the text that a template which nobody took apart gives each by itself."""
    format_ = replace(NFTABLES, id="motd", filters=frozenset({"comment"}))
    loaded = load(format_, File(template="motd.j2", path="etc/motd"), source)
    whole = environment().from_string(source)
    some = reference_nodes()[:: len(reference_nodes()) // 20]
    assert len({whole.render(node=one) for one in some}) > 1 or "node %}" in source
    for one in (*some, *reversed(some)):
        assert loaded.text({"node": one}) == whole.render(node=one)


FAULTS = [
    ("{{ node.rak | comment }}", {}, "templates/motd/motd.j2:1: node.rak"),
    ("ok\n{{ node.rack }}", {}, "motd.j2:2: node.rack: a template that may not run"),
    ("{{ node.rack | yaml }}", {}, "nor a filter of this format"),
    ("{% if node.rack", {}, "motd.j2:1: a template that may not run"),
    ("x", {"filters": ["comments"]}, "an unknown filter"),
    ("x", {"needs": "rac"}, "an unknown field"),
    ("x", {"subject": "rack"}, "format.yaml:"),
    ("x", {"titel": "x"}, "format.yaml:"),
    ("x", {"files": [{"template": "motd.j2", "path": "../etc/passwd"}]}, "format.yaml:"),
    ("x", {"files": [{"template": "motd.j2", "path": "/etc/passwd"}]}, "format.yaml:"),
    ("x", {"files": [{"template": "other.j2", "path": "etc/x"}]}, "a template that no file uses"),
    (
        "x",
        {"check": {"program": "sh", "package": "x", "commands": [["-c"]], "complaint": "("}},
        "not a regular expression",
    ),
    ("x" * 200_001, {}, "a long template"),
]


@pytest.mark.parametrize(("template", "more", "said"), FAULTS)
def test_faults_are_sentences_with_a_place(template: str, more: dict[str, object], said: str, tmp_path: Path) -> None:
    """What is wrong with a format of one's own is said before anything is rendered, with file and line."""
    _, problems = motd(tmp_path, template, **more)
    assert problems
    assert any(said in one for one in problems), problems
    assert all("\n" not in one and one.startswith("templates/motd/") for one in problems)


def test_folders_that_are_no_formats_are_told(tmp_path: Path) -> None:
    """A misspelt format, a stray file and a format.yaml for one that there is, all in one run."""
    write(tmp_path, "crony/chrony.conf.j2", "x")
    write(tmp_path, "frr/format.yaml", yaml.safe_dump(MOTD))
    write(tmp_path, "notes.txt", "x")
    _, problems = load_formats(tmp_path)
    assert [(one.file, one.what) for one in problems] == [
        ("templates/crony", "an unknown format"),
        ("templates/frr/format.yaml", "a format that exists already"),
        ("templates/notes.txt", "not a format"),
    ]


ESCAPES = {
    "CVE-2016-10745, str.format": "{{ '{0.__class__.__mro__}'.format(node) }}",
    "CVE-2019-10906, str.format_map": "{{ '{a.__class__.__init__.__globals__}'.format_map({'a': node}) }}",
    "CVE-2024-56326, format stored in a name": "{% set f = '{0.__class__}'.format %}{{ f(node) }}",
    "CVE-2024-56326, format through a filter": "{{ ['{0.__class__}'] | map('format', node) | list }}",
    "CVE-2024-56201, name of a file in a template": "{% include node.name ~ '{{1}}' %}",
    "CVE-2025-27516, attr gets format": "{{ ('{0.__class__}' | attr('format'))(node) }}",
    "attributes of classes": "{{ node.__class__.__mro__[1].__subclasses__() }}",
    "attributes by subscript": "{{ node['__class__'] }}",
    "globals of a function": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "globals of a macro": "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "self": "{{ self.__init__.__globals__ }}",
    "loop leads to the caller's frame": "{% for a in node.name_servers %}{{ loop.__class__ }}{% endfor %}",
    "import": "{% import 'netplan/node.yaml.j2' as other %}{{ other }}",
    "extends": "{% extends 'netplan/node.yaml.j2' %}",
    "a generator's frame": "{{ (x for x in node.name_servers).gi_frame }}",
    "memory by multiplication": "{{ 'a' * 2000000000 }}",
    "memory by a power": "{{ 9 ** 999999999 }}",
    "time by a range": "{% for a in range(99999999999) %}{% endfor %}",
    "time by recursion": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "memory by joining": "{{ node.name_servers | join('a' * 999999999) }}",
    "chance": "{{ node.name_servers | random }}",
    "what is missing": "{{ node.nothing | default('x') }}",
    "text as a loop's list": "{% for letter in node.name %}{{ letter }}{% endfor %}",
    "a nested expression": "{{ " + "(" * 5000 + "node.name" + ")" * 5000 + " }}",
}
PLAIN = Format(
    id="x",
    title="x",
    description="x",
    subject="node",
    files=(File(template="x/x.j2", path="x"),),
    filters=frozenset({"comment"}),
)


@pytest.mark.parametrize("source", ESCAPES.values(), ids=ESCAPES)
def test_known_ways_out_of_the_sandbox_are_refused_before_they_run(source: str) -> None:
    """Published patterns of escapes from Jinja2's sandbox, and bombs, end with a sentence that names the line."""
    with pytest.raises(RenderError) as caught:
        check(source, format_=PLAIN, file=PLAIN.files[0])
    assert str(caught.value).startswith("x/x.j2")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", [text for name, text in list(ESCAPES.items())[:16] if name != "extends"])
def test_what_would_get_past_the_check_is_stopped_by_the_sandbox(source: str) -> None:
    """The second layer by itself: no known way out prints anything of the interpreter."""
    try:
        text = environment().from_string(source).render(node=node())
    except Exception:  # noqa: BLE001 - the sandbox, the parser and our finalize each have their own
        return
    pytest.fail(f"it printed {text[:100]!r}")


def deep(levels: int, inside: str) -> str:
    """Loops within loops, which the check lets through: each of them is fine by itself."""
    over = "".join(f"{{% for v{level} in site.zone_v4 %}}" for level in range(levels))
    return f"{over}{inside}{'{% endfor %}' * levels}\n"


BOMBS = {
    "endless": (deep(12, ""), "more than 1 s of processor time"),
    "memory": (deep(6, "x" * 10_000), "of memory"),
    "a long file": (deep(3, "x" * 1000), "at most 1,000,000 are written"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_that_pass_the_check_are_contained(bomb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops within loops take the time, memory or output that they may, in a process of their own, and no more."""
    monkeypatch.setattr(confined, "CPU_S", 1 if bomb == "endless" else 60)
    template, said = BOMBS[bomb]
    monkeypatch.setattr(confined, "MEMORY_BYTES", 256 * 1024**2)
    formats, problems = motd(tmp_path, template, subject="site")
    assert problems == []
    with pytest.raises(RenderError) as caught:
        render_all([edge_site()], formats)
    assert said in str(caught.value)
    assert "motd/motd.j2" in str(caught.value)


def test_a_template_that_waits_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock on the wall ends the process too, whatever it waits for."""
    monkeypatch.setattr(confined, "WALL_S", 1.0)
    formats, _ = motd(tmp_path, deep(12, ""), subject="site")
    with pytest.raises(RenderError, match="ran longer than 1 s"):
        render_all([edge_site()], formats)


def test_all_files_together_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many files of users' templates have a bound as a whole."""
    monkeypatch.setattr(confined, "OUTPUT_BYTES", 1000)
    formats, _ = motd(tmp_path, "x" * 200)
    contexts = list(reference_contexts()[:10])
    with pytest.raises(RenderError, match="have more than"):
        render_all(contexts, formats)


def test_an_error_names_template_line_variable_and_value(tmp_path: Path) -> None:
    """What goes wrong within the process comes back as the same sentence as from zonewright's own templates."""
    formats, _ = motd(tmp_path, "ok\n\n{{ node.rack | word }}\n", filters=["word"])
    with pytest.raises(RenderError) as caught:
        render_all([replace(node(), rack="two words")], formats)
    error = caught.value
    assert (error.template, error.line, error.variable) == ("motd/motd.j2", 3, "node.rack | word")
    assert error.data_path == "node.rack"
    assert "'two words'" in error.what


def test_only_an_ordinary_file_is_a_template(tmp_path: Path) -> None:
    """A pipe is not waited for, and nothing is read to an end that it has not; a link to a file of the zone is one."""
    folder = write(tmp_path, "motd/format.yaml", yaml.safe_dump(MOTD)).parent
    template = folder / "motd.j2"
    for kind in ("pipe", "device", "folder", "long"):
        if kind == "pipe":
            os.mkfifo(template)
        elif kind == "device":
            template.symlink_to("/dev/zero")
        elif kind == "folder":
            template.mkdir()
        else:
            with template.open("wb") as file:
                file.truncate(50_000_000_000)
        _, problems = load_formats(tmp_path)
        said = {"long": "a long template", "device": "a link out of"}.get(kind, "a template that cannot be read")
        assert said in str(problems[0]), kind
        assert len(str(problems[0])) < 300, kind
        template.rmdir() if kind == "folder" else template.unlink()
    write(tmp_path, "../shared.j2", "hello\n")
    template.symlink_to(tmp_path / "shared.j2")
    assert load_formats(tmp_path)[1] == ()
    template.unlink()
    write(tmp_path, "../.git/config", "extraheader = AUTHORIZATION: basic eA==\n")
    template.symlink_to(tmp_path / ".git" / "config")
    formats, problems = load_formats(tmp_path)
    assert "motd.j2: a link to a hidden file" in str(problems[0])
    assert not formats.sources


@pytest.mark.parametrize("link", ["templates/motd/motd.j2", "templates/motd", "templates/other", "templates"])
def test_a_link_out_of_the_zones_folder_is_told_and_not_read(link: str, tmp_path: Path) -> None:
    """A template, a folder of them, or all of them that lie elsewhere are named with where the link leads."""
    secret = "not for the zone's files"
    outside = tmp_path / "outside"
    for text in (secret, yaml.safe_dump(MOTD)):
        write(outside, f"motd/{'motd.j2' if text == secret else 'format.yaml'}", text)
    zone = tmp_path / "zone"
    write(zone, "motd/format.yaml", yaml.safe_dump(MOTD))
    write(zone, "motd/motd.j2", "hello\n")
    place, target = zone / link, outside / link.replace("other", "motd")
    shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    place.symlink_to(target)
    formats, problems = load_formats(zone)
    assert f"{link}: a link out of the zone's folder" in str(problems[0]), problems
    assert "got a link to '" in str(problems[0])
    assert secret not in "".join(formats.sources.values())


@pytest.mark.parametrize("name", ["zone.yaml", "device-types/one.yaml", "templates/motd/format.yaml"])
def test_a_pipe_is_no_declaration(name: str, tmp_path: Path) -> None:
    """A pipe in the place of any declared file is a sentence, and nothing waits for its writer."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    problems: list[Problem] = []
    assert read_text(path, path.name, problems) is None
    assert "not an ordinary file" in str(problems[0])


@pytest.mark.parametrize(
    ("pattern", "is_taken"),
    [
        ("", True),
        ("FAILED", True),
        ("error|warning", True),
        (r"(?:error|fault): .*", True),
        (r"\* \+ [*+{}]", True),
        ("(a+)+$", False),
        ("(a|a)*$", False),
        ("(a|aa){50}", False),
        ("(a|a)?" * 20, False),
        ("a*a*a*b", False),
        (r"(a)\1", False),
        ("a?" * 30 + "a" * 30, False),
        ("(?i)error.*?x", True),
        ("(?=a)a", False),
        ("(", False),
    ],
)
def test_a_complaint_looks_at_each_character_a_few_times(pattern: str, is_taken: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """A pattern that could take for ever on some output is refused when the zone is read."""
    judge = {"program": "grep", "package": "grep", "commands": [["-q", "x", "{root}/etc/motd"]], "complaint": pattern}
    _, problems = motd(tmp_path, "x\n", check=judge)
    assert (not problems) is is_taken
