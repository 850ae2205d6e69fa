"""Random days of a zone on the real engine: what its parties do to their stacks, and what must hold after each step.

Six parties share one ledger. A step is one thing that one of them does, or that befalls them: they change what they
declare, look before they leap, kill a run, lose a state, put an older one back, import what they have, rush at once.
What the tool answers to a refused run is followed to the letter, as a person would who knows nothing else.
"""

import random
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine

from support.ledger_invariants import LedgerState, broken, overstepped, read_state
from support.zone_project import LIMIT_S, PROJECT, ZONE, SmallZone, Stack, cluster, facility, moved
from zonewright.ledger.store.clock import stamp, utc_now

NAMED = {"operator": "dc1", "operator-2": "dc2"}
PARTIES: dict[str, Any] = {
    "operator": {"title": "Operator", "roles": ["facility-operator"]},
    "operator-2": {"title": "Second operator", "roles": ["facility-operator"]},
    "carrier": {"title": "Carrier", "roles": ["network-operator"]},
    **{f"tenant-{letter}": {"title": f"Tenant {letter}", "roles": ["tenant"]} for letter in "abc"},
}
TENANTS = tuple(name for name in PARTIES if name.startswith("tenant-"))
REFUSED = re.compile("nothing was claimed or created|the ledger was not asked")
Wish = dict[str, Any]
NESTED = """\
import pulumi
from zonewright.program import deployment


class Within(pulumi.ComponentResource):
    def __init__(self):
        super().__init__("test:index:Within", "within")


made, component = deployment.deployed, Within()
deployment.deployed = lambda *given, parent: made(*given, parent=component)
deployment.deploy()
"""
"""All resources within a component, which keep by their aliases what they are."""
PLAIN = """\
import pulumi
from zonewright.program import deploy


def before(args):
    place = f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::test:index:Within::within"
    options = pulumi.ResourceOptions(aliases=[pulumi.Alias(parent=place)])
    if args.opts.parent not in (None, pulumi.runtime.get_root_resource()):
        return None
    return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, options))


pulumi.runtime.register_stack_transformation(before)
deploy()
"""
"""The same resources in no component any more."""


def month_zone() -> dict[str, Any]:
    """The small zone with these six parties."""
    return {**ZONE, "parties": PARTIES}


def site_of(party: str, racks: int) -> Wish:
    """The one site of an operator, with so many racks of 12 U in one row."""
    name = NAMED[party]
    number = name[-1]
    site = facility(racks, u_height=12)["sites"]["dc1"] | {
        "as_number": 4_200_000_000 + int(number),
        "location": {"crs": "WGS84", "latitude": 31.0, "longitude": 120.7 + 0.1 * int(number)},
        "address_pools": {"v4": {"prefix": f"10.8{number}.0.0/24", "gateway": f"10.8{number}.0.1"}},
        "name_servers": [f"10.8{number}.0.2"],
    }
    return {"sites": {name: site}}


def links_of(count: int) -> Wish:
    """A duct of two bores between the sites, and so many links through it; a third has no bore."""
    route = {"crs": "WGS84", "points": [[31.0, 120.8], [31.0, 120.9]]}
    link = {"a": "dc1", "b": "dc2", "ducts": ["d-01"], "cores": 4}
    return {
        "ducts": {"d-01": {"route": route, "length_m": 12_000, "bores": 2}},
        "links": {f"l-{at}": {**link, "prefixes": [f"10.79.0.{2 * at}/31"]} for at in range(count)},
    }


@dataclass(kw_only=True)
class Month:
    """The zone, and what its parties want at the moment.

    Attributes:
        zone: with the folder of everything.
        chance: what is random.
        stacks: by party.
        wishes: what each party's file declares, without its owner.
        older: a state file that each party kept, and what it declared then.
        history: what happened, a sentence for each step.
        nested: parties whose program has all resources within a component.
        parties: who has a stack.
    """

    zone: SmallZone
    chance: random.Random
    stacks: dict[str, Stack] = field(default_factory=dict)
    wishes: dict[str, Wish] = field(default_factory=dict)
    older: dict[str, tuple[Path, Wish]] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    nested: dict[str, bool] = field(default_factory=dict)
    parties: tuple[str, ...] = tuple(PARTIES)

    @property
    def tenants(self) -> tuple[str, ...]:
        """Those of them who place nodes."""
        return tuple(name for name in self.parties if name in TENANTS)

    def begin(self) -> None:
        """Bring every party up once."""
        for party in self.parties:
            self.stacks[party] = self.zone.stack(party)
            self.history.append(f"begin {party}")
            self._try(party, self._wish(party, least=1), {})
        self.holds(None, self.parties)

    def step(self) -> None:
        """Do one thing, and see that everything holds."""
        before = self.read()
        deeds: dict[Callable[[], tuple[str, ...]], int] = {
            self._change: 8,
            self._look: 4,
            self._kill: 5,
            self._rush: 3,
            self._refresh: 1,
            self._lose_state: 2,
            self._keep_state: 2,
            self._put_older_state_back: 3,
            self._import_again: 2,
            self._rename: 1,
            self._destroy: 3,
            self._destroy_one: 2,
            self._restore_ledger: 1,
            self._replace: 2,
            self._delete_from_state: 2,
            self._leave_out: 4,
            self._two_clones: 2,
            self._alias: 2,
        }
        (deed,) = self.chance.choices(list(deeds), list(deeds.values()))
        self.history.append(deed.__name__.strip("_"))
        acting = deed()
        self.holds(before if len(acting) == 1 else None, acting)

    def end(self) -> None:
        """Nothing is left to do, and then all go, tenants and links before what they stand on."""
        for options in ((), ("--expect-no-changes",)):
            for party in self.stacks:
                self.stacks[party].up(*options)
        for party in (one for one in (*TENANTS, "carrier", "operator", "operator-2") if one in self.parties):
            self.stacks[party].run("destroy", "--yes", "--skip-preview")
            self._expect(self.stacks[party].holdings() == [], f"{party} holds something after its destroy")
        self._expect(self.zone.no_process_left() == [], "a process is left")

    # What must hold

    def read(self) -> LedgerState:
        """The ledger's tables now."""
        engine = create_engine(self.zone.ledger_url)
        try:
            with engine.connect() as connection:
                return read_state(connection, stamp(utc_now()))
        finally:
            engine.dispose()

    def holds(self, before: LedgerState | None, acting: tuple[str, ...]) -> None:
        """Nothing is held twice, each state says what the ledger says, and the tables are the journal's sum."""
        after = self.read()
        self._expect(broken(after) == [], broken(after))
        if before is not None:
            wrong = overstepped(before, after, self.stacks[acting[0]].stack_id)
            self._expect(wrong == [], wrong)
        for party, stack in self.stacks.items():
            try:
                stack.settled()
            except AssertionError as error:
                raise AssertionError(self._told(f"{party} is not settled: {error}")) from error
            self._expect(
                sorted(_names(self.wishes[party])) == sorted(item.name for item in stack.holdings("active")),
                f"{party} declares {sorted(_names(self.wishes[party]))} and holds {stack.holdings()}",
            )
        verified = self.stacks["operator"].zonewright("ledger", "verify", "--state", "--ledger", self.zone.ledger_url)
        self._expect(verified.returncode == 0, verified.stdout + verified.stderr)

    def _expect(self, is_so: bool, what: object) -> None:  # noqa: FBT001 - reads as a sentence
        assert is_so, self._told(what)

    def _told(self, what: object) -> str:
        return f"after {len(self.history)} steps: {what}\n" + "\n".join(self.history)

    # What parties want

    def _wish(self, party: str, *, least: int = 0) -> Wish:
        """Something that a party may want; it need not fit."""
        if party in NAMED:
            return site_of(party, self.chance.randint(1, 3))
        if party == "carrier":
            return links_of(self.chance.randint(least, 3 - least))
        clusters: Wish = {}
        for name in self.chance.sample(("web", "db", "log"), self.chance.randint(least, 2)):
            kind = self.chance.choice(("one-u", "two-u"))
            site = self.chance.choice(tuple(NAMED.values()))
            count = self.chance.choice((1, 2, 2, 3, 5))
            places: Wish = {}
            if self.chance.random() < 0.3:
                unit = self.chance.randint(1, 11)
                places = {"places": {"001": {"rack": f"{site}/a/01/01", "position": unit}}}
            clusters[name] = cluster(count, node_type=kind, **places) | {"site": site}
        return {"clusters": clusters} if clusters else {}

    def _declare(self, party: str, wish: Wish) -> None:
        self.stacks[party].declare(**wish)
        self.wishes[party] = wish

    def _any(self, parties: tuple[str, ...] = ()) -> str:
        party = self.chance.choice(parties or self.parties)
        self.history[-1] += f" {party}"
        return party

    # What people do

    def _change(self) -> tuple[str, ...]:
        party = self._any()
        self._try(party, self._wish(party))
        return (party,)

    def _look(self) -> tuple[str, ...]:
        """A preview, of something too large too, leaves nothing."""
        party = self._any()
        old, before = self.wishes[party], self.read()
        wish = self._wish(party)
        if party in TENANTS and self.chance.random() < 0.3:
            wish = {"clusters": {"web": cluster(500)}}
        self._declare(party, wish)
        self._no_traceback(self.stacks[party].run("preview", check=False))
        self._declare(party, old)
        after = self.read()
        same = (before.claims, before.assets, before.journal) == (after.claims, after.assets, after.journal)
        self._expect(same, "a preview changed something")
        return (party,)

    def _kill(self) -> tuple[str, ...]:
        """A run is killed wherever it is; then `recover` is run, and what it advises."""
        party = self._any()
        old, stack = self.wishes[party], self.stacks[party]
        self._declare(party, self._wish(party))
        running = stack.start("up", "--yes", "--skip-preview")
        time.sleep(self.chance.uniform(0.2, 3.5))
        whole = self.chance.random() < 0.5
        for process in self.zone.processes():
            if whole or process.pid == running.pid:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        running.wait(LIMIT_S)
        self._expect(self.zone.no_process_left() == [], "a killed run left a process")
        self._recover(party, old)
        return (party,)

    def _rush(self) -> tuple[str, ...]:
        """All tenants want something else at once; each gets it or is told why not."""
        old = {party: self.wishes[party] for party in self.tenants}
        running = {}
        for party in self.tenants:
            self._declare(party, self._wish(party))
            running[party] = self.stacks[party].start("up", "--yes", "--skip-preview")
        for party, process in running.items():
            code = process.wait(LIMIT_S)
            text = (self.stacks[party].root / "output.txt").read_text(encoding="utf-8")
            if code:
                self._expect(REFUSED.search(text) is not None, text)
                self._declare(party, old[party])
        return self.tenants

    def _refresh(self) -> tuple[str, ...]:
        party = self._any()
        self.stacks[party].run("refresh", "--yes")
        return (party,)

    def _lose_state(self) -> tuple[str, ...]:
        party = self._any()
        stack = self.stacks[party]
        shutil.rmtree(stack.root / ".zonewright" / ".pulumi")
        self.older.pop(party, None)
        self._recover(party, self.wishes[party])
        return (party,)

    def _keep_state(self) -> tuple[str, ...]:
        party = self._any()
        path = self.stacks[party].root / "kept.json"
        self.stacks[party].run("stack", "export", "--file", str(path))
        self.older[party] = path, deepcopy(self.wishes[party])
        return (party,)

    def _put_older_state_back(self) -> tuple[str, ...]:
        """A state file of some days ago is imported, with the declaration of now or of then."""
        party = self._any()
        if party not in self.older:
            return (party,)
        path, wish = self.older[party]
        old = self.wishes[party]
        self.stacks[party].run("stack", "import", "--file", str(path))
        self._try(party, self.chance.choice((wish, old)), old)
        return (party,)

    def _import_again(self) -> tuple[str, ...]:
        """What is in the state is imported under another name, and the next `up` deletes that one."""
        party = self._any(self.tenants)
        stack = self.stacks[party]
        nodes = stack.resources("Node")
        if nodes:
            node = self.chance.choice(nodes)
            at = next(one["urn"] for one in stack.state()["resources"] if one["type"] == "pulumi:providers:zonewright")
            options = ("--provider", f"ledger={at}", "--generate-code=false", "--protect=false", "--yes")
            stack.run("import", "zonewright:index:Node", "again", node["id"], *options)
        self._try(party, self.wishes[party])
        return (party,)

    def _rename(self) -> tuple[str, ...]:
        """A stack is renamed; kept states and the next steps go on under the new name."""
        party = self._any()
        stack = self.stacks[party]
        name = f"{party}-{len(self.history)}"
        stack.run("stack", "rename", name)
        stack.name = name
        self.older.pop(party, None)
        before = stack.places()
        stack.up()  # a site's files follow the links that others laid to it meanwhile
        self._expect(stack.places() == before, "a renamed stack moved")
        return (party,)

    def _destroy(self) -> tuple[str, ...]:
        """A stack is destroyed; where others stand on it, nothing is."""
        party = self._any()
        stack, before = self.stacks[party], self.read()
        result = stack.run("destroy", "--yes", "--skip-preview", check=False)
        self._no_traceback(result)
        if result.returncode:
            self._expect("of other parties" in result.stdout, result.stdout)
            after = self.read()
            same = (before.claims, before.assets) == (after.claims, after.assets)
            self._expect(same, "a refused destroy did something")
        else:
            self._expect(stack.holdings() == [], "something is held after a destroy")
            self._declare(party, {})
        return (party,)

    def _destroy_one(self) -> tuple[str, ...]:
        party = self._any(self.tenants)
        stack = self.stacks[party]
        nodes = stack.resources("Node")
        if nodes:
            node = self.chance.choice(nodes)["urn"]
            stack.run("destroy", "--yes", "--skip-preview", "--target", node, "--target-dependents")
            stack.agrees()
        self._try(party, self.wishes[party])
        return (party,)

    def _replace(self) -> tuple[str, ...]:
        """Something that is as declared is replaced."""
        party = self._any()
        stack = self.stacks[party]
        made = [one["urn"] for kind in ("Admission", "Node", "Link") for one in stack.resources(kind)]
        if made:
            stack.up("--replace", self.chance.choice(made))
        return (party,)

    def _delete_from_state(self) -> tuple[str, ...]:
        """A resource is taken out of the state, with all that depends on it; the next `up` makes it again."""
        party = self._any()
        stack = self.stacks[party]
        kinds = ("Node", "Completion", "SiteConfig", "Link", "Row")
        made = [one["urn"] for kind in kinds for one in stack.resources(kind)]
        if made:
            stack.run("state", "delete", self.chance.choice(made), "--yes", "--force", "--target-dependents")
        self._try(party, self.wishes[party])
        return (party,)

    def _leave_out(self) -> tuple[str, ...]:
        """A change is made for some resources only, or for all but some; the next `up` makes the rest of it."""
        party = self._any()
        stack, old = self.stacks[party], self.wishes[party]
        wish = self._wish(party)
        made = [
            one["urn"]
            for kind in ("Admission", "Node", "SiteConfig", "Completion", "Site", "Row", "Duct", "Link")
            for one in stack.resources(kind)
        ]
        new = [one for one in _nodes(stack, wish, is_nested=self.nested.get(party, False)) if one not in made]
        way = self.chance.choice(("--target", "--exclude"))
        chosen = self.chance.sample(made + new, min(len(made + new), self.chance.randint(1, 3)))
        self._declare(party, wish)
        options = [text for urn in chosen for text in (way, urn)]
        result = stack.run("up", "--yes", "--skip-preview", *options, check=False)
        self._no_traceback(result)
        self._expect("integrity" not in result.stdout, result.stdout)
        self._try(party, wish, old)
        return (party,)

    def _two_clones(self) -> tuple[str, ...]:
        """A second clone has a copy of the state and changes the stack; the first one, which knows nothing, goes on."""
        party = self._any()
        stack, old = self.stacks[party], self.wishes[party]
        root = stack.root.with_name(f"clone-{len(self.history)}")
        moved(stack.root, root)
        clone = replace(stack, root=root)
        self._declare(party, self._wish(party))
        self._no_traceback(clone.run("up", "--yes", "--skip-preview", check=False))
        shutil.rmtree(root)
        self._try(party, self.chance.choice((self.wishes[party], old)), old)
        self._recover(party, old)  # what only the other clone's state had is told as lost
        return (party,)

    def _alias(self) -> tuple[str, ...]:
        """All resources get another parent, or the old one again, and are found by their aliases."""
        party = self._any()
        stack = self.stacks[party]
        before = stack.places()
        self.nested[party] = not self.nested.get(party, False)
        stack.program(NESTED if self.nested[party] else PLAIN)
        stack.up()
        self._expect(stack.places() == before, "a node moved with its resource")
        return (party,)

    def _restore_ledger(self) -> tuple[str, ...]:
        """The ledger's disk is lost after a change; its backup is put in its place, and every party recovers."""
        operator, ledger = self.stacks["operator"], ("--ledger", self.zone.ledger_url)
        kept = self.zone.folder / f"kept-{len(self.history)}.db"
        made = operator.zonewright("ledger", "backup", str(kept), *ledger)
        self._expect(made.returncode == 0, made.stderr)
        party = self._any()
        self._try(party, self._wish(party))
        put_back = operator.zonewright("ledger", "restore", str(kept), *ledger)
        self._expect(put_back.returncode == 0, put_back.stderr)
        for one in self.parties:
            self._recover(one, self.wishes[one], "--ledger-restored")
        return self.parties

    # How they go on

    def _try(self, party: str, wish: Wish, old: Wish | None = None) -> None:
        """`up`, and what its answer advises; what is refused is not declared any more."""
        old = self.wishes[party] if old is None else old
        self._declare(party, wish)
        result = self.stacks[party].run("up", "--yes", "--skip-preview", check=False)
        self._no_traceback(result)
        if result.returncode:
            self.history[-1] += ", refused"
            self._follow(party, result.stdout, old)

    def _follow(self, party: str, text: str, old: Wish) -> None:
        """Do what the answer to a failed run says."""
        if "recover" in text and "--stack" in text:
            self._recover(party, old)
            return
        self._expect(REFUSED.search(text) is not None, text)
        self._declare(party, old)
        self.stacks[party].up()

    def _recover(self, party: str, old: Wish, *options: str) -> None:
        """`recover`, with the option that it asks for, and with the old declaration where the new one is refused."""
        said = []
        for _ in range(3):
            result = self.stacks[party].process("recover", "--stack", self.stacks[party].name, *options)
            if result.returncode == 0:
                return
            text = result.stdout + result.stderr
            said.append(text)
            self._expect("Traceback" not in text, text)
            if REFUSED.search(text):
                self._declare(party, old)
                continue
            ways = [one for one in ("--take-over", "--ledger-restored") if one in text and one not in options]
            asked = ways[0] if ways else ""
            options = (*options, asked) if asked else options
        self._expect(False, "recover did not lead anywhere:\n" + "\n".join(said))  # noqa: FBT003 - it never is

    def _no_traceback(self, result: subprocess.CompletedProcess[str]) -> None:
        self._expect("Traceback" not in result.stdout, result.stdout)


def _nodes(stack: Stack, wish: Wish, *, is_nested: bool) -> list[str]:
    """URNs of all nodes that a declaration makes."""
    parents = "test:index:Within$" if is_nested else ""
    kind = f"{parents}zonewright:index:TenantCluster$zonewright:index:Node"
    names = _names({"clusters": wish.get("clusters", {})})
    return [f"urn:pulumi:{stack.name}::{PROJECT}::{kind}::{name}" for name in names]


def _names(wish: Mapping[str, Any]) -> list[str]:
    """Names of all that a declaration makes a party hold."""
    names = [
        f"{name}-{number:03}" for name, one in wish.get("clusters", {}).items() for number in range(1, one["count"] + 1)
    ]
    for name, site in wish.get("sites", {}).items():
        names += [name, *(f"{name}/{room}/{row}" for room, one in site["rooms"].items() for row in one["rows"])]
    names += [f"ducts/{name}" for name in wish.get("ducts", {})]
    return names + [f"links/{name}" for name in wish.get("links", {})]
