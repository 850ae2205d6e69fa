"""References stay references until a file is installed; then each has its value, or one sentence without it."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.vault_server import VaultServer, vault_server
from zonewright.cli import main
from zonewright.fleet.secrets.fingerprints import (
    Keys,
    make_key,
    read_keys,
    read_record,
    write_record,
)
from zonewright.fleet.secrets.sources import SecretSources
from zonewright.fleet.secrets.vault import Vault
from zonewright.model.secret import Reference, SecretError, reference_of, references_in, resolved
from zonewright.render.errors import RenderError
from zonewright.render.quoting import FILTERS

VALUE = "pl4nted-S3cret"
TOKEN = "hvs.pl4nted-T0ken"
TEXT = b"router bgp 1\n neighbor 10.0.0.1 password ref+vault://network/l07#/bgp\n"
SECRETS = {"network/l07": {"bgp": VALUE, "deep": {"er": VALUE}, "flag": True, "port": 179}}


@pytest.fixture(name="vault")
def _vault() -> Iterator[VaultServer]:
    with vault_server(dict(SECRETS), token=TOKEN) as server:
        yield server


def sources(folder: Path, **environment: str) -> SecretSources:
    """What may be read: a folder, and some variables."""
    return SecretSources(environment=environment, folder=folder)


def with_vault(server: VaultServer, folder: Path, **more: str) -> SecretSources:
    """The same with a Vault."""
    return sources(folder, **{"VAULT_ADDR": server.url, "VAULT_TOKEN": TOKEN, **more})


def fault(text: str, using: SecretSources) -> str:
    """The sentence that a reference gets; it never has a value or token in it."""
    with pytest.raises(SecretError) as caught:
        using(reference_of(text))
    said = str(caught.value)
    assert VALUE not in said
    assert TOKEN not in said
    assert "\n" not in said
    assert text in said
    return said


@pytest.mark.parametrize(
    ("text", "scheme", "path", "key"),
    [
        ("ref+env://ZONEWRIGHT_SECRET_BGP", "env", "ZONEWRIGHT_SECRET_BGP", ()),
        ("ref+file:///etc/zonewright/secrets/bgp", "file", "/etc/zonewright/secrets/bgp", ()),
        ("ref+file:///a/b.json#/c/d", "file", "/a/b.json", ("c", "d")),
        ("ref+vault://network/sites/l07#/bgp", "vault", "network/sites/l07", ("bgp",)),
    ],
)
def test_a_reference_has_parts(text: str, scheme: str, path: str, key: tuple[str, ...]) -> None:
    """The forms that are documented are read as they are written."""
    assert reference_of(text) == Reference(text=text, scheme=scheme, path=path, key=key)  # type: ignore[arg-type]
    assert [one.text for one in references_in(f'x "{text}";\n{text}\n'.encode())] == [text]
    assert str(FILTERS["secret"](text)) == text


@pytest.mark.parametrize(
    "text",
    [
        VALUE,
        "",
        "ref+env://",
        "ref+env://A B",
        "ref+file://relative/path",
        "ref+file:///a/../b",
        "ref+file:///a/.hidden",
        "ref+vault://mount#/key",
        "ref+vault://mount/path",
        "ref+vault://mount/../sys/path#/key",
        "ref+vault://mount/path?version=1#/key",
        "ref+env://A\n",
        "ref+http://host/x",
        "xref+env://A",
    ],
)
def test_what_is_no_reference_is_refused_and_not_repeated(text: str) -> None:
    """Neither the type nor the filter takes it, and what might be the secret itself is not said."""
    with pytest.raises(SecretError) as caught:
        reference_of(text)
    assert not text or text not in str(caught.value)
    with pytest.raises(RenderError) as refused:
        FILTERS["secret"](text)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize("name", sorted(FILTERS.keys() - {"secret", "address", "addresses", "name"}))
def test_a_reference_gets_into_a_file_by_its_own_filter_only(name: str) -> None:
    """A title that is a reference would be resolved on the machine of another party."""
    with pytest.raises(RenderError, match=r"a reference to a secret is not allowed here|expected one word"):
        FILTERS[name]("see ref+file:///etc/shadow" if name != "word" else "ref+env://A")


@given(st.text(max_size=40))
def test_a_value_stays_in_its_place(value: str) -> None:
    """Whatever a value is, it is refused in one sentence or changes nothing around it, also in quotes."""
    text = b'a "ref+env://A";\nb ref+env://A\n'
    try:
        made = resolved(text, lambda _: value)
    except SecretError as error:
        assert len(value) < 3 or value not in str(error)  # noqa: PT017
        return
    assert made == f'a "{value}";\nb {value}\n'.encode()
    assert json.loads(made.split(b" ")[1].split(b";\n")[0]) == value


def test_all_faults_of_a_file_come_together() -> None:
    """Each reference without a value has its sentence, and what only begins as one is counted."""

    def resolve(reference: Reference) -> str:
        raise SecretError(f"{reference.text}: no")

    with pytest.raises(SecretError) as caught:
        resolved(b"ref+env://A ref+env://B ref+env://A ref+ldap://c", resolve)
    assert caught.value.sentences[:2] == ("ref+env://A: no", "ref+env://B: no")
    assert "1 more look like references but are not" in caught.value.sentences[2]


def test_values_come_from_variables_and_files(tmp_path: Path) -> None:
    """A variable, a whole file without its last line break, and a key of a JSON file."""
    (tmp_path / "bgp").write_text(f"{VALUE}\n", encoding="utf-8")
    (tmp_path / "all.json").write_text(json.dumps({"bgp": {"l07": VALUE}}), encoding="utf-8")
    using = sources(tmp_path, ZONEWRIGHT_SECRET_BGP=VALUE)
    for text in (
        "ref+env://ZONEWRIGHT_SECRET_BGP",
        f"ref+file://{tmp_path}/bgp",
        f"ref+file://{tmp_path}/all.json#/bgp/l07",
    ):
        assert using(reference_of(text)) == VALUE
    assert resolved(TEXT.replace(b"vault://network/l07#/bgp", b"env://ZONEWRIGHT_SECRET_BGP"), using).endswith(
        f"password {VALUE}\n".encode()
    )


def test_what_is_missing_or_not_allowed_has_a_sentence(tmp_path: Path) -> None:
    """Variables and files: not there, not given to files, outside the folder, by a link, no JSON, no key, no text."""
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "bgp").write_text(VALUE, encoding="utf-8")
    (inside / "all.json").write_text(json.dumps({"a": {"b": VALUE}}), encoding="utf-8")
    (inside / "binary").write_bytes(b"\xff" + VALUE.encode())
    (tmp_path / "outside").write_text(VALUE, encoding="utf-8")
    (inside / "link").symlink_to(tmp_path / "outside")
    using = sources(inside, VAULT_TOKEN=TOKEN, HOME="/x", ZONEWRIGHT_SECRET_EMPTY="")
    assert "is not set here" in fault("ref+env://ZONEWRIGHT_SECRET_BGP", using)
    assert "is not set here" in fault("ref+env://ZONEWRIGHT_SECRET_EMPTY", using)
    assert "only variables that begin with ZONEWRIGHT_SECRET_" in fault("ref+env://VAULT_TOKEN", using)
    assert "there is no file" in fault(f"ref+file://{inside}/none", using)
    assert "it must be a file" in fault(f"ref+file://{tmp_path}/in", using)
    assert "only files below" in fault(f"ref+file://{tmp_path}/outside", using)
    assert "only files below" in fault(f"ref+file://{inside}/link", using)
    assert "is not JSON" in fault(f"ref+file://{inside}/bgp#/a", using)
    assert "is not UTF-8" in fault(f"ref+file://{inside}/binary", using)
    assert "has no key 'c'" in fault(f"ref+file://{inside}/all.json#/c", using)
    assert "is not text" in fault(f"ref+file://{inside}/all.json#/a", using)
    assert "VAULT_ADDR must be set" in fault("ref+vault://network/l07#/bgp", using)


def test_a_file_that_may_not_be_read_has_a_sentence(tmp_path: Path) -> None:
    """A user without the right is told so; root, who may read everything, becomes nobody for it."""
    secret = tmp_path / "bgp"
    secret.write_text(VALUE, encoding="utf-8")
    secret.chmod(0)
    code = (
        "import os, sys; from pathlib import Path; from zonewright.fleet.secrets.sources import SecretSources;"
        "from zonewright.model.secret import SecretError, reference_of;"
        "os.geteuid() or os.setuid(65534); p = Path(sys.argv[1])\n"
        "try: SecretSources(environment={}, folder=p.parent)(reference_of(f'ref+file://{p}'))\n"
        "except SecretError as error: print(error)"
    )
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder).startswith(str(tmp_path.parents[2])) and folder.stat().st_uid == os.getuid():
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    done = subprocess.run([sys.executable, "-c", code, str(secret)], capture_output=True, text=True, check=True)
    assert "this user may not read" in done.stdout
    assert VALUE not in done.stdout + done.stderr


def test_values_come_from_vault(vault: VaultServer, tmp_path: Path) -> None:
    """Over HTTP, with the token in its header, one request for each path however many keys are taken."""
    using = with_vault(vault, tmp_path)
    assert resolved(TEXT, using) == TEXT.replace(b"ref+vault://network/l07#/bgp", VALUE.encode())
    assert using(reference_of("ref+vault://network/l07#/deep/er")) == VALUE
    assert using(reference_of("ref+vault://network/l07#/port")) == "179"
    assert vault.asked == ["/v1/network/data/l07"]
    assert vault.tokens == [TOKEN]
    assert TOKEN not in repr(using.vault)


def test_vault_that_gives_nothing_has_a_sentence(vault: VaultServer, tmp_path: Path) -> None:
    """Missing path or key, no right, wrong token, older engine, sealed, redirected, gone, in clear over the network."""
    text = "ref+vault://network/l07#/bgp"
    assert "Vault has nothing at network/none" in fault("ref+vault://network/none#/bgp", with_vault(vault, tmp_path))
    assert "has no key 'ospf'" in fault("ref+vault://network/l07#/ospf", with_vault(vault, tmp_path))
    assert "is not text" in fault("ref+vault://network/l07#/flag", with_vault(vault, tmp_path))
    assert "does not let this token read" in fault(text, with_vault(vault, tmp_path, VAULT_TOKEN="another"))
    assert "not a key-value engine of version 2" in fault("ref+vault://old/l07#/bgp", with_vault(vault, tmp_path))
    vault.forbidden.add("data/l07")
    assert "give its policy 'read'" in fault(text, with_vault(vault, tmp_path))
    vault.redirect = "http://127.0.0.1:1/stolen"
    assert "answered with status 307" in fault(text, with_vault(vault, tmp_path))
    vault.is_sealed = True
    assert "sealed" in fault(text, with_vault(vault, tmp_path))
    nowhere = with_vault(vault, tmp_path, VAULT_ADDR="http://127.0.0.1:1")
    assert "cannot be reached" in fault(text, nowhere)
    assert "use https" in fault(text, with_vault(vault, tmp_path, VAULT_ADDR="http://vault.example:8200"))
    assert "without a user" in fault(text, with_vault(vault, tmp_path, VAULT_ADDR=f"https://me:{VALUE}@vault.example"))
    assert "set it again" in fault(text, with_vault(vault, tmp_path, VAULT_TOKEN=f"{TOKEN}\n\u00e9"))
    before = len(vault.asked)
    assert "VAULT_TOKEN must be set" in fault(text, sources(tmp_path, VAULT_ADDR=vault.url))
    assert len(vault.asked) == before


REFERENCE = reference_of("ref+env://ZONEWRIGHT_SECRET_BGP")


def test_a_fingerprint_needs_the_key_and_knows_its_reference(tmp_path: Path) -> None:
    """Another key, another reference or another value is another fingerprint; no digest of the value is in it."""
    make_key(tmp_path / "one")
    make_key(tmp_path / "two")
    one, two = read_keys(tmp_path / "one"), read_keys(tmp_path / "two")
    made = one.fingerprint(REFERENCE, VALUE)
    assert re.fullmatch(r"hmac-sha256:[0-9a-f]{8}:[0-9a-f]{64}", made)
    others = {
        one.fingerprint(REFERENCE, "other"),
        two.fingerprint(REFERENCE, VALUE),
        one.fingerprint(reference_of("ref+env://B"), VALUE),
    }
    assert len(others | {made}) == 4
    assert made == one.fingerprint(REFERENCE, VALUE)
    assert (one.changed(REFERENCE, VALUE, made), one.changed(REFERENCE, "x", made)) == ("no", "yes")
    assert (one.changed(REFERENCE, VALUE, None), two.changed(REFERENCE, VALUE, made)) == ("new", "unknown")
    assert "key" in repr(one)
    assert one.keys[0].hex() not in repr(one)


def test_a_key_is_rotated_without_losing_what_is_known(tmp_path: Path) -> None:
    """A fingerprint of the older key is still compared; the next one is made with the newer key."""
    path = tmp_path / "key"
    make_key(path)
    before = read_keys(path).fingerprint(REFERENCE, VALUE)
    with pytest.raises(SecretError, match="has a key already"):
        make_key(path)
    make_key(path, rotate=True)
    keys = read_keys(path)
    assert (keys.changed(REFERENCE, VALUE, before), keys.changed(REFERENCE, "x", before)) == ("no", "yes")
    assert keys.fingerprint(REFERENCE, VALUE) != before
    newest = Keys(keys.keys[1:])
    assert newest.changed(REFERENCE, VALUE, keys.fingerprint(REFERENCE, VALUE)) == "no"
    assert newest.changed(REFERENCE, VALUE, before) == "unknown"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (None, 0, "there is no fingerprint key here"),
        ("ab" * 32, 0o644, "others may read"),
        ("ab" * 16, 0o600, "expected lines of 64"),
        ("no key", 0o600, "expected lines of 64"),
        ("", 0o600, "expected lines of 64"),
    ],
)
def test_a_bad_key_file_has_a_sentence(content: str | None, mode: int, said: str, tmp_path: Path) -> None:
    """Missing, open to others, short, or something else; never a fallback to no key."""
    path = tmp_path / "key"
    if content is not None:
        path.write_text(content, encoding="ascii")
        path.chmod(mode)
    with pytest.raises(SecretError, match=said):
        read_keys(path)


def test_a_record_is_read_back_or_refused(tmp_path: Path) -> None:
    """What was written is read; no record is none; another file is a sentence."""
    path = tmp_path / "r.json"
    assert read_record(path) == {}
    write_record(path, {"ref+env://A": "hmac-sha256:1:2"})
    assert read_record(path) == {"ref+env://A": "hmac-sha256:1:2"}
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(SecretError, match="delete it to begin again"):
        read_record(path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str, expect: int = 0) -> str:
    """What a command prints; the value is never in it."""
    assert main(arguments) == expect
    told = capsys.readouterr()
    assert VALUE not in told.out + told.err
    return told.out + told.err


@pytest.fixture(name="installing")
def _installing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vault: VaultServer) -> Mapping[str, str]:
    """A folder as ``render --out`` makes it, and the surroundings of a machine that installs it."""
    (tmp_path / "rendered" / "etc").mkdir(parents=True)
    (tmp_path / "rendered" / "etc" / "frr.conf").write_bytes(TEXT)
    (tmp_path / "rendered" / "etc" / "plain").write_bytes(b"nothing\n")
    for name, value in {
        "VAULT_ADDR": vault.url,
        "VAULT_TOKEN": TOKEN,
        "ZONEWRIGHT_FINGERPRINT_KEY": str(tmp_path / "fingerprint.key"),
        "ZONEWRIGHT_SECRETS": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return {}


@pytest.mark.usefixtures("installing")
def test_the_commands_fill_and_say_what_changed(
    tmp_path: Path, vault: VaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Filled for one user, recorded by fingerprint; then the value changes in Vault, and only that is said."""
    text = "ref+vault://network/l07#/bgp"
    assert run(capsys, "secret", "list", "rendered").splitlines() == [text]
    assert "no fingerprint key" in run(capsys, "secret", "fill", "rendered", "out", expect=1)
    assert not (tmp_path / "out").exists()
    run(capsys, "secret", "key")
    assert f"{text}: changed: new" in run(capsys, "secret", "fill", "rendered", "out")
    filled = tmp_path / "out" / "etc" / "frr.conf"
    assert filled.read_bytes() == TEXT.replace(text.encode(), VALUE.encode())
    assert stat.S_IMODE(filled.stat().st_mode) == 0o600
    assert f"{text}: changed: no" in run(capsys, "secret", "list", "rendered", "--changed")
    vault.secrets["network/l07"] = {"bgp": "another-value"}
    assert f"{text}: changed: yes" in run(capsys, "secret", "list", "rendered", "--changed")
    document = json.loads(run(capsys, "secret", "list", "rendered", "--changed", "--format", "json"))
    assert document["secrets"] == [{"reference": text, "changed": "yes"}]
    run(capsys, "secret", "key", "--rotate")
    assert f"{text}: changed: yes" in run(capsys, "secret", "list", "rendered", "--changed")
    record = (tmp_path / ".zonewright" / "fingerprints.json").read_text(encoding="utf-8")
    assert VALUE not in record
    assert "is not empty" in run(capsys, "secret", "fill", "rendered", "out", expect=1)


@pytest.mark.usefixtures("installing")
def test_nothing_is_written_when_one_value_is_missing(
    tmp_path: Path, vault: VaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """All files or none; the sentence names file and reference; a value that would add a line is refused too."""
    run(capsys, "secret", "key")
    del vault.secrets["network/l07"]
    told = run(capsys, "secret", "fill", "rendered", "out", expect=1)
    assert "etc/frr.conf: ref+vault://network/l07#/bgp: Vault has nothing" in told
    vault.secrets["network/l07"] = {"bgp": f"{VALUE}\n neighbor 10.0.0.1 shutdown"}
    assert "cannot be written into a file" in run(capsys, "secret", "fill", "rendered", "out", expect=1)
    (tmp_path / "rendered" / "link").symlink_to("/etc/shadow")
    assert "is a link; only plain files" in run(capsys, "secret", "fill", "rendered", "out", expect=1)
    assert "there is no such file" in run(capsys, "secret", "list", "nothing", expect=2)
    assert not (tmp_path / "out").exists()


def test_vault_of_a_real_installation_is_asked_as_documented(tmp_path: Path) -> None:
    """A namespace and a path below a proxy are kept; a user in the URL is not."""
    environment = {
        "VAULT_ADDR": "https://vault.example/proxy/",
        "VAULT_TOKEN": f" {TOKEN}\n",
        "VAULT_NAMESPACE": "zone",
        "VAULT_CACERT": str(tmp_path / "ca"),
    }
    made = Vault.of_environment(environment, for_what="x")
    assert (made.address, made.token, made.namespace) == ("https://vault.example/proxy", TOKEN, "zone")
    with pytest.raises(SecretError, match="cannot be reached; check VAULT_ADDR and VAULT_CACERT"):
        made.read(reference_of("ref+vault://a/b#/c"))
