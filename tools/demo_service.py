"""`make demo-service`: the ledger as a service on PostgreSQL, and two parties with a token and a state backend each.

All is said that happened. Works in a scratch folder, so it can be run again and again. Fails, with a sentence and
exit code 1, when any step does not do what it should.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from demo_project import BOLD, REPOSITORY, RESET, DemoError, begin, message, say, show
from zonewright import engine

SCRATCH = REPOSITORY / ".zonewright" / "demo-service"
ADMISSION = "zonewright:index:Admission"
PARTIES = ("operator", "tenant-one", "tenant-two")
LEASE_DAYS = 20


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """What one party has on its own machine: a project, a state backend, and the environment of its commands.

    Attributes:
        folder: the project, called as the party is; its states are in a folder within it.
        found: the engine.
        python: the Python of our commands, programs and providers.
        variables: what it has besides, such as its token.
    """

    folder: Path
    found: engine.Engine
    python: str
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def party(self) -> str:
        """Whose it is."""
        return self.folder.name

    def run(self, *command: str, expect: int | None = 0) -> str:
        """Run a command, named before it begins; its output and errors together."""
        begin(command)
        own = engine.environment(self.found, root=self.folder)
        python = {"ZONEWRIGHT_PYTHON": self.python, "PULUMI_PYTHON_CMD": self.python}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **own, **python, **self.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if expect is not None and done.returncode != expect:
            raise DemoError(f"'{' '.join(command)}' ended with {done.returncode}, expected {expect}:\n{done.stdout}")
        return done.stdout

    def zonewright(self, *arguments: str, expect: int | None = 0) -> str:
        """Our own command line."""
        return self.run(self.python, "-m", "zonewright.cli", *arguments, expect=expect)

    def pulumi(self, stack: str, *arguments: str, expect: int | None = 0) -> str:
        """One `pulumi` call for a stack."""
        common = ("pulumi", "--non-interactive", "--color", "never")
        return self.run(*common, *arguments, "--stack", stack, expect=expect)


def steps(database: str, found: engine.Engine, python: str) -> None:
    """The story.

    Args:
        database: URL of an empty database.
        found: the engine.
        python: the Python of our commands, programs and providers.
    """
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)
    admin = Checkout(folder=SCRATCH / "admin", found=found, python=python)
    Checkout(folder=SCRATCH, found=found, python=python).zonewright("init", "admin")
    two_tenants(admin.folder)

    say(f"{BOLD}1. The administrator{RESET} makes the ledger in PostgreSQL, and gives a token to each party's runner.")
    show(admin.zonewright("ledger", "init", "zone", "--ledger", database))
    tokens = {party: granted(admin, database, party) for party in PARTIES}
    with served(admin, database) as url:
        show(f"ledger and telemetry on {url}")
        operator, one, two = (checkout(admin, party, url, tokens[party]) for party in PARTIES)

        say(f"{BOLD}2. The operator{RESET} brings in a data centre, and offers racks to both for {LEASE_DAYS} days.")
        operator.pulumi("operator", "stack", "init")
        show(message(operator.pulumi("operator", "up", "--yes", "--skip-preview"), ADMISSION))
        show(operator.zonewright("ledger", "offers", "dc1", "--ending", "30", "--ledger", url))

        say(f"{BOLD}3. Two tenants{RESET} want the same rack unit at once. Each has its own checkout, state and token.")
        winner, loser = raced(one, two)

        say(f"{BOLD}4. A reservation.{RESET} {loser.party} lets the ledger choose, and holds the places for a month.")
        shutil.copy(admin.folder / "zone" / f"{loser.party}.yaml", loser.folder / "zone")
        why = ("--for", "30d", "--why", "the machines are on order")
        show(loser.zonewright("reserve", "--stack", loser.party, *why))
        seen = winner.zonewright("reserve", "list", "--stack", winner.party)
        if "reserved for another party" not in seen or loser.party in seen:
            raise DemoError(f"the others should see the site and the end, and no name:\n{seen}")
        show(seen)
        say("Its next change is exactly that: the reservation becomes its claims. The lease's end is told ahead.")
        output = loser.pulumi(loser.party, "up", "--yes")
        if "lease-term" not in output:
            raise DemoError(f"the end of the lease should be told:\n{output}")
        show(message(output, ADMISSION))
        show(loser.zonewright("reserve", "list", "--stack", loser.party))

        say(f"{BOLD}5. What each may do.{RESET} A tenant asks who else has access.")
        show(winner.zonewright("access", "list", "--ledger", url, expect=1))
        say("Its token is revoked. Nothing of it is decided any more, and its claims stay.")
        stopped = (f"runner-{winner.party}", "--why", "left the team", "--ledger", database)
        admin.zonewright("access", "revoke", *stopped)
        output = winner.pulumi(winner.party, "preview", expect=None)
        if "the token is missing, unknown, revoked or expired" not in output:
            raise DemoError(f"a revoked token should be refused:\n{output}")
        show("error: the token is missing, unknown, revoked or expired; nothing was decided")

        say(f"{BOLD}6. The record.{RESET} The other tenant keeps the journal; of others it reads hashes only.")
        for verb, name in (("checkpoint", "checkpoint.json"), ("history", "journal.jsonl")):
            (loser.folder / name).write_text(loser.zonewright("ledger", verb, "--ledger", url), encoding="utf-8")
    compared(admin, loser, database)


def compared(admin: Checkout, tenant: Checkout, database: str) -> None:
    """What a tenant can verify by itself, and what the ledger's host finds when somebody altered a row."""
    say("The service is gone. The tenant follows the whole chain all the same:")
    show(tenant.zonewright("ledger", "verify", "--journal", "journal.jsonl", "--checkpoint", "checkpoint.json"))
    say("On the ledger's host each row is compared with the journal. Then somebody lets a node draw 1 W, with SQL:")
    show(admin.zonewright("ledger", "verify", "--state", "--ledger", database))
    alter(database)
    told = admin.zonewright("ledger", "verify", "--state", "--ledger", database, expect=1)
    if "claim" not in told:
        raise DemoError(f"the altered claim should be named:\n{told}")
    show(told)


def raced(*both: Checkout) -> tuple[Checkout, Checkout]:
    """Bring two tenants up at once, who chose one place; gives who has it and who was refused.

    Raises:
        DemoError: when not exactly one has it, or the refusal names the other.
    """
    for tenant in both:
        choose(tenant.folder / "zone" / f"{tenant.party}.yaml")
        tenant.pulumi(tenant.party, "stack", "init")
    with ThreadPoolExecutor() as pool:
        outputs = list(
            pool.map(lambda tenant: tenant.pulumi(tenant.party, "up", "--yes", "--skip-preview", expect=None), both)
        )
    refused = ["nothing was claimed or created" in output for output in outputs]
    if sorted(refused) != [False, True]:
        raise DemoError("\n".join(["one of the two should have been refused:", *outputs]))
    winner, loser = both if refused[1] else reversed(both)
    told = outputs[refused.index(True)]
    refusal = message(told, ADMISSION)
    if winner.party in told:
        raise DemoError(f"the refusal should not name who has the place:\n{told}")
    show(message(outputs[refused.index(False)], ADMISSION))
    show(refusal)
    return winner, loser


def two_tenants(project: Path) -> None:
    """A second tenant in the zone with a stack of its own, and racks that the operator offers to both for a time."""
    zone = project / "zone"
    declared = (zone / "zone.yaml").read_text(encoding="utf-8")
    line = "  tenant-two: {title: Second tenant, roles: [tenant]}\n"
    (zone / "zone.yaml").write_text(declared.replace("\n# Limits", f"{line}\n# Limits", 1), encoding="utf-8")
    cluster = {"site": "dc1", "node_type": "server-1u", "count": 4}
    document = {"owner": "tenant-two", "clusters": {"store": cluster}}
    (zone / "tenant-two.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    today = datetime.now(UTC).date()
    term = {"begins": f"{today:%Y-%m-%d}", "ends": f"{today + timedelta(days=LEASE_DAYS):%Y-%m-%d}"}
    offers = {"hall": {"site": "dc1", "leases": [{"party": party, **term} for party in PARTIES[1:]]}}
    path = zone / "facility-operator.yaml"
    facility = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**facility, "offers": offers}, sort_keys=False), encoding="utf-8")
    stack = yaml.safe_load((project / "Pulumi.tenant-one.yaml").read_text(encoding="utf-8"))
    text = yaml.safe_dump(stack).replace("tenant-one", "tenant-two")
    config = yaml.safe_load(text)
    config["config"]["zone:stackId"] = "stack-of-the-second-tenant"
    (project / "Pulumi.tenant-two.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def choose(path: Path) -> None:
    """Let a tenant want the first of its servers at a certain place."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    (cluster,) = document["clusters"].values()
    cluster["places"] = {"001": {"rack": "dc1/hall/01/01", "position": 2}}
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def granted(admin: Checkout, database: str, party: str) -> str:
    """A new token of the runner of a party."""
    role = "facility-operator" if party == "operator" else "tenant"
    who = (f"runner-{party}", "--party", party, "--role", role)
    told = admin.zonewright("access", "grant", *who, "--ledger", database)
    return next(word for word in told.split() if word.startswith("zwt_"))


def checkout(admin: Checkout, party: str, url: str, token: str) -> Checkout:
    """A party's own copy of the project: its own stack and declaration, and the registered zone."""
    folder = SCRATCH / party
    others = {*PARTIES} - {party}
    left_out = [f"Pulumi.{other}.yaml" for other in others] + [f"{other}.yaml" for other in others]
    shutil.copytree(admin.folder, folder, ignore=shutil.ignore_patterns(".zonewright", *left_out))
    if party != "operator":
        (folder / "zone" / "facility-operator.yaml").unlink()
    path = folder / f"Pulumi.{party}.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["config"]["zone:ledger"] = url
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    variables = {"ZONEWRIGHT_LEDGER_TOKEN": token, "PULUMI_BACKEND_URL": f"file://{folder}/states"}
    (folder / "states").mkdir()
    return Checkout(folder=folder, found=admin.found, python=admin.python, variables=variables)


@contextmanager
def served(admin: Checkout, database: str) -> Iterator[str]:
    """The service until the end of the block; gives its URL."""
    command = [admin.python, "-m", "zonewright.cli", "serve", "--ledger", database, "--port", "0"]
    with subprocess.Popen(command, cwd=admin.folder, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # noqa: S101 - it is a pipe
            yield server.stdout.readline().rsplit(" ", 1)[-1].strip()
        finally:
            server.terminate()


def alter(database: str) -> None:
    """Let a node draw less, past the ledger's verbs."""
    import psycopg  # noqa: PLC0415 - of an extra

    with psycopg.connect(database) as connection:
        connection.execute("UPDATE claim SET draw_w = 1 WHERE name = 'web-001'")


def main() -> int:
    """Run the demo; returns the exit code."""
    started = time.monotonic()
    sys.path.insert(0, str(REPOSITORY / "tests"))
    from support.postgresql import postgresql_server  # noqa: PLC0415 - a server of its own, as the tests start one

    if not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        print("error: this needs PostgreSQL; on Debian and Ubuntu: apt install postgresql", file=sys.stderr)
        return 1
    try:
        with postgresql_server(is_durable=True) as server:
            database = server.url(server.create())
            steps(database, engine.ensure(), sys.argv[1] if len(sys.argv) > 1 else sys.executable)
    except (DemoError, engine.EngineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    say(f"{BOLD}Done{RESET} in {time.monotonic() - started:.0f} s. The checkouts are in .zonewright/demo-service.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
