"""Which rendered files a host should have is pure: from the fleet's file and the ledger's answer to their places."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zonewright.fleet.configs.choice import wanted_of
from zonewright.fleet.configs.desired import ApprovedFiles, offer_of
from zonewright.fleet.configs.facts import ConfigFacts, closer, config_plan_text, drift_of, plan_configuration
from zonewright.fleet.configs.fill import Filler
from zonewright.fleet.inventory import Host
from zonewright.fleet.secrets.fingerprints import Keys
from zonewright.fleet.ssh.transport import CompletedCommand, Target
from zonewright.ledger.protocol.rollout_messages import Configurations, ConfigurationsAnswer
from zonewright.model.canonical import digest_of
from zonewright.model.configuration import Configuration
from zonewright.render.formats.format_set import BUILT_IN

PLAN = digest_of("plan")
FRR, NETPLAN = "sites/dc1/etc/frr/frr.conf", "nodes/dc1/core-001/etc/netplan/50-zonewright.yaml"
SECOND = "routers/dc1/dc1-r2/etc/frr/frr.conf"
GROUP = "groups/dc1/tenant-a/etc/bind/groups/tenant-a.conf"
KEA, STANDBY = "sites/dc1/etc/kea/kea-dhcp4.conf", "servers/dc1/dhcp-2/etc/kea/kea-dhcp4.conf"
TEXTS = {path: f"content of {path}\n" for path in (FRR, NETPLAN, GROUP, SECOND, STANDBY)}
TEXTS[KEA] = 'x { "interfaces": ["eth0"] }\n'
NOTHING = ConfigFacts(
    current="", previous="", versions=(), trial="", is_on_trial=False, hashes={}, placed={}, access={}
)


def host(name: str = "core-001", site: str = "dc1", *labels: str) -> Host:
    """A host."""
    return Host(target=Target(name=name, address="h", user="u"), site=site, labels=frozenset(labels))


def offer(*stacks: Configurations) -> ApprovedFiles:
    """What the ledger offers."""
    texts = {digest_of(text): text for text in TEXTS.values()}
    return offer_of(ConfigurationsAnswer(stacks=list(stacks), gated=["frr"]), texts)


def stack(
    stack_id: str = "one", *paths: str, is_approved: bool = True, more: Mapping[str, str] = MappingProxyType({})
) -> Configurations:
    """The deployed files of a stack."""
    deployed = {path: digest_of(TEXTS[path]) for path in paths or TEXTS} | dict(more)
    approved = dict.fromkeys(deployed, PLAN) if is_approved else {}
    missing = {} if is_approved else dict.fromkeys(deployed, f"stack {stack_id}: it was never planned")
    return Configurations(stack_id=stack_id, party="operator", files=deployed, approved=approved, missing=missing)


def configuration(format_id: str = "frr", **more: Any) -> Configuration:
    """A configuration."""
    return Configuration(**{"format": format_id, "check": "true", **more})


def targets(of: Host, given: ApprovedFiles, **configurations: Configuration) -> tuple[list[str], tuple[str, ...]]:
    """Where files go on a host, and what stands against it."""
    wanted, against = wanted_of(of, configurations, BUILT_IN, given)
    return [one.target for each in wanted for one in each.placed], against


def test_files_go_to_the_hosts_they_are_for() -> None:
    """A site's files go to hosts of the site, a node's to the host of its name, a group's to its site's hosts."""
    assert targets(host(), offer(stack()), a=configuration()) == (["/etc/frr/frr.conf"], ())
    assert targets(host(), offer(stack()), a=configuration("netplan")) == (["/etc/netplan/50-zonewright.yaml"], ())
    assert targets(host("x"), offer(stack()), a=configuration("bind-group"))[0] == ["/etc/bind/groups/tenant-a.conf"]
    _, against = targets(host("core-002"), offer(stack()), a=configuration("netplan"))
    assert against == ("configuration a: the ledger has no deployed files of netplan for core-002 at site dc1",)
    assert targets(host(site="dc2"), offer(stack()), a=configuration())[1] != ()


@pytest.mark.parametrize(
    ("format_id", "first", "name", "second"), [("frr", FRR, "dc1-r2", SECOND), ("kea", KEA, "dhcp-2", STANDBY)]
)
def test_a_second_router_or_server_gets_its_own_files(format_id: str, first: str, name: str, second: str) -> None:
    """The host with the name of its site's second router or server gets that one's files, and no other host does."""
    wanted = {one: targets(host(one), offer(stack()), a=configuration(format_id))[0] for one in ("dc1", name)}
    assert list(wanted.values()) == [[f"/{first.split('/', 2)[2]}"]] * 2
    own = {one: wanted_of(host(one), {"a": configuration(format_id)}, BUILT_IN, offer(stack()))[0] for one in wanted}
    assert {one: of[0].placed[0].source for one, of in own.items()} == {"dc1": first, name: second}
    assert targets(host(name), offer(stack()), a=configuration("bind-group"))[0] == ["/etc/bind/groups/tenant-a.conf"]
    assert wanted_of(host(name, "dc2"), {"a": configuration(format_id)}, BUILT_IN, offer(stack()))[0][0].placed == ()


@pytest.mark.parametrize(("format_id", "seat"), [("frr", "dc1-r2"), ("kea", "dhcp-2")])
def test_no_two_hosts_of_a_site_are_the_same_router_or_server(format_id: str, seat: str) -> None:
    """A host that stays in the fleet after its server got another name is refused what the first one has."""
    hosts = [host("dc1"), host("dhcp-old"), host(seat), host("dc2", "dc2")]

    def told(of: Host, **narrow: Any) -> tuple[str, ...]:
        chosen = {"a": configuration(format_id, **narrow)}
        return wanted_of(of, chosen, BUILT_IN, offer(stack()), fellows=hosts)[1]

    (said,) = told(hosts[1])
    assert said.startswith(f"configuration a: dhcp-old and dc1 would have the same files of {format_id}, which are for")
    assert len(told(hosts[0])) == 1
    assert told(hosts[2]) == ()
    assert told(hosts[0], hosts=("dc1", seat)) == ()
    each = {name: configuration(format_id, hosts=(name,)) for name in ("dc1", "dhcp-old")}
    (said,) = wanted_of(hosts[0], each, BUILT_IN, offer(stack()), fellows=hosts)[1]
    assert said.startswith("configuration dc1: dc1 and dhcp-old would have the same files")


def test_selectors_narrow() -> None:
    """Hosts, sites and labels each narrow; what is left out does not."""
    for narrow in ({"hosts": ("other",)}, {"sites": ("dc2",)}, {"labels": ("router", "edge")}):
        assert targets(host("core-001", "dc1", "router"), offer(stack()), a=configuration(**narrow)) == ([], ())
    chosen = configuration(hosts=("core-001",), sites=("dc1",), labels=("router",))
    assert targets(host("core-001", "dc1", "router"), offer(stack()), a=chosen)[0] == ["/etc/frr/frr.conf"]


def test_places_can_be_changed_and_change_the_version() -> None:
    """A folder moves all files, ``files`` names single ones; place, owner and mode are part of the version's name."""
    one = configuration(folder="/srv/root")
    two = configuration(files={"etc/frr/frr.conf": "/opt/frr.conf"})
    assert targets(host(), offer(stack()), a=one)[0] == ["/srv/root/etc/frr/frr.conf"]
    assert targets(host(), offer(stack()), a=two)[0] == ["/opt/frr.conf"]
    kinds = (configuration(), one, two, configuration(owner="frr:frr"), configuration(mode="640"))
    names = {wanted_of(host(), {"a": each}, BUILT_IN, offer(stack()))[0][0].id for each in kinds}
    assert len(names) == len(kinds)


def test_a_version_with_secrets_is_named_by_the_zones_key() -> None:
    """The same value under another key is another version, so that nobody can try values against the name."""
    text = "neighbor 10.0.0.1 password ref+env://ZONEWRIGHT_SECRET_L1\n"
    files = {FRR: digest_of(text)}
    given_offer = ApprovedFiles(
        files=files, plans=dict.fromkeys(files, PLAN), missing={}, texts={digest_of(text): text}, gated=frozenset()
    )

    def name(value: str, key: bytes) -> str:
        fill = Filler(lambda _reference: value, lambda: Keys((key * 32,)))
        settings = {"a": configuration(mode="640")}
        (wanted,), against = wanted_of(host(), settings, BUILT_IN, given_offer, fill=fill)
        assert against == ()
        return wanted.id

    assert name("word-1", b"k") == name("word-1", b"k")
    assert len({name("word-1", b"k"), name("word-2", b"k"), name("word-1", b"l")}) == 3


def test_what_is_not_approved_stands_against_it() -> None:
    """Unapproved files, files of two stacks and contents that are not what their digest says are all refused."""
    _, against = targets(host(), offer(stack(is_approved=False)), a=configuration())
    assert against[0].startswith(f"configuration a: {FRR} (sha256 ")
    assert against[0].endswith(") is in no approved change; stack one: it was never planned")
    other = stack("two", FRR).model_copy(update={"files": {FRR: digest_of("other")}})
    _, against = targets(host(), offer(stack(), other), a=configuration())
    assert "two stacks have deployed it with different contents" in against[0]
    wrong = ConfigurationsAnswer(stacks=[stack()], gated=[])
    _, against = targets(host(), offer_of(wrong, {digest_of(TEXTS[FRR]): "other text"}), a=configuration())
    assert against == (f"{FRR}: the ledger has its digest but not its content",)


@given(st.text(max_size=30))
def test_no_path_leads_elsewhere(key: str) -> None:
    """Whatever a stack says that it deployed, no target leaves its format's folder or breaks a line of an index."""
    path = f"groups/dc1/tenant-a/etc/bind/zones/groups/tenant-a/{key}.zone"
    given_offer = offer(stack("one", GROUP, more={path: digest_of(TEXTS[GROUP])}))
    found, _ = targets(host(), given_offer, a=configuration("bind-group"))
    assert all(one.startswith("/etc/bind/") and "/." not in one and one.isprintable() for one in found)
    assert all(set(one) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-") for one in found)


def test_drift_is_told_by_file() -> None:
    """Missing, changed, extra and on trial have a sentence each; a version too many is no reason to reload."""
    (wanted,), _ = wanted_of(host(), {"a": configuration()}, BUILT_IN, offer(stack()))
    right = {"/etc/frr/frr.conf": wanted.files[0].sha256}
    known = ConfigFacts(
        current=wanted.id,
        previous="a-1",
        versions=(wanted.id, "a-1", "a-0"),
        trial="kept",
        is_on_trial=False,
        hashes=right,
        placed={**right, "/etc/frr/old.conf": "-"},
        access={"/etc/frr/frr.conf": "644 root:root"},
    )
    assert list(drift_of(wanted, NOTHING)) == ["missing: /etc/frr/frr.conf"]
    assert list(drift_of(wanted, known)) == ["extra version: /var/lib/zonewright/configurations/a/a-0"]
    assert plan_configuration(wanted, known).reasons == ()
    changed = ConfigFacts(
        current="a-1",
        previous="",
        versions=(),
        trial="waiting",
        is_on_trial=False,
        hashes={"/etc/frr/frr.conf": "other"},
        placed={"/etc/frr/old.conf": "f" * 64},
        access={},
    )
    assert list(drift_of(wanted, changed)) == [
        "changed: /etc/frr/frr.conf (it is not a file)",
        "extra: /etc/frr/old.conf of version a-1, which the ledger no longer has",
        "on trial: its last trial is waiting, and was cut off",
    ]


def test_what_a_host_keeps_of_a_secret_that_nobody_approves_any_more_is_not_told() -> None:
    """A file or a line that the ledger no longer has is taken away by the plan, and neither read out nor hashed."""
    (wanted,), _ = wanted_of(host(), {"a": configuration(mode="640")}, BUILT_IN, offer(stack()))
    target, gone, secret = "/etc/frr/frr.conf", "/etc/frr/keys.conf", "planted-session-word-1"
    texts = {target: f"hostname r1\n neighbor 10.0.0.1 password {secret}\n", gone: f"{secret}\n"}
    hashes = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in texts.items()}
    facts = replace(
        NOTHING,
        current="a-1",
        hashes={target: hashes[target]},
        placed=hashes,
        access={target: "640 frr:frr"},
    )

    class OneHost:
        """Prints the files that it is asked for."""

        def run(self, command: Sequence[str], *, stdin: bytes = b"", as_root: bool = False) -> CompletedCommand:
            """What the script prints."""
            del stdin, as_root
            read = {path: base64.b64encode(text.encode()).decode() for path, text in texts.items() if path in command}
            return CompletedCommand(
                code=0, stdout="".join(f"{path}={text}\n" for path, text in read.items()).encode(), stderr=b""
            )

        def put(self, path: str, content: bytes, *, mode: int, as_root: bool = False, owner: str = "") -> None:
            """A plan writes nothing."""
            raise AssertionError((path, content, mode, as_root, owner))

        def close(self) -> None:
            """Nothing is open."""

    plan = closer(OneHost(), plan_configuration(wanted, facts))
    told = config_plan_text("r1", [plan], ())
    assert secret not in told
    assert hashes[target][:12] not in told
    assert f"changed: {target} (not everybody may read it, so no hash is shown)" in told
    for line in (
        "-hostname r1",
        "-[secret]",
        "-[not shown: the ledger no longer has this file, and it may hold secrets]",
    ):
        assert line in told
    open_to_all = replace(facts, access={target: "644 root:root"})
    assert any(hashes[target][:12] in why for why in drift_of(wanted, open_to_all))


@pytest.mark.parametrize(
    ("owner", "found", "is_drift"),
    [
        ("frr:frr", "640 frr:frr", False),
        ("frr", "640 frr:staff", False),
        ("frr:frr", "640 root:frr", True),
        ("frr:frr", "640 frr:root", True),
        ("frr", "640 root:frr", True),
        ("", "640 nobody:nogroup", False),
    ],
)
def test_an_owner_is_compared_as_chown_takes_it(owner: str, found: str, *, is_drift: bool) -> None:
    """The user, or user and group; where the fleet's file names none, nobody is wrong."""
    (wanted,), _ = wanted_of(host(), {"a": configuration(owner=owner, mode="640")}, BUILT_IN, offer(stack()))
    target = "/etc/frr/frr.conf"
    facts = replace(NOTHING, hashes={target: wanted.files[0].sha256}, access={target: found})
    told = f"owner: {target} ({found.split(' ')[1]}, but the fleet's file has {owner})"
    assert list(drift_of(wanted, facts)) == ([told] if is_drift else [])


def test_a_host_judges_files_with_the_stand_ins_of_the_gate() -> None:
    """Kea refuses interfaces that an empty network lacks, so its program is given others on a host, as at the gate."""
    (wanted,), _ = wanted_of(host(), {"a": configuration("kea")}, BUILT_IN, offer(stack()))
    assert wanted.beside == {"etc/kea/kea-dhcp4.conf": 'x { "interfaces": ["*"] }\n'}
    assert b'"eth0"' in wanted.archive


def test_single_files_are_named_as_bind_names_its_keys() -> None:
    """A file of the DNS with a plus sign in its name is put where `files` says, under a name with one."""
    key = "etc/bind/keys/Kdc1.internal.+013+36397.private"
    assert configuration("bind", files={key: f"/{key}"}).files == {key: f"/{key}"}
