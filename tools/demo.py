"""`make demo`: the reference zone, four of its parties by the real Pulumi engine; all that is said is what happened.

Works on a copy of the reference zone in a scratch folder, so it can be run again and again. Fails, with a sentence
and exit code 1, when any step does not do what it should.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from demo_project import BOLD, REPOSITORY, RESET, SCRATCH, WIDTH, Demo, DemoError, message, say, scratch, show
from zonewright import engine
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import ReportRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.telemetry.samples import Samples

CLOSER_LOOK = """
  cd .zonewright/demo && eval "$(../../.venv/bin/zonewright engine env)"
  pulumi preview --diff --stack tenant-fin     # what the engine sees
  ls zones/reference                           # the declarations
  ../../.venv/bin/zonewright ledger status --stack tenant-fin"""


def steps(demo: Demo) -> None:
    """The story."""
    admission = "zonewright:index:Admission"
    say(f"{BOLD}1. The zone.{RESET} Three districts, twelve sites, fourteen links; the folder as the whole world:")
    show(demo.zonewright("check", "zones/reference").splitlines()[-1])
    say("Its administrator registers zone.yaml with an empty ledger.")
    show(demo.zonewright("ledger", "init", "zones/reference"))

    say(f"{BOLD}2. A facility and a network.{RESET} operator-b brings in data centre qp-dc1 and three edge sites.")
    demo.stack("facility-b", "operator-b")
    show(message(demo.pulumi("facility-b", "up", "--yes", "--skip-preview"), admission))
    say("The other facilities are loaded. carrier-b brings in its ducts and links with `pulumi up`.")
    show(demo.load("operator-a", "operator-c"))
    demo.stack("carrier-b", "carrier-b")
    show(message(demo.pulumi("carrier-b", "up", "--yes", "--skip-preview"), admission))
    show(demo.load("carrier-a", "carrier-c", "tenant-ai", "tenant-gov", "tenant-ind"))
    routers(demo)

    say(
        f"{BOLD}3. A tenant.{RESET} tenant-fin places its core at qp-dc1 and a replica in another district; the ledger "
        "finds the racks, and checks the fibre between them."
    )
    demo.stack("tenant-fin", "tenant-fin")
    show(message(demo.pulumi("tenant-fin", "up", "--yes", "--skip-preview"), admission))
    held = demo.holdings("tenant-fin")
    if held.get("node") != demo.nodes_in_state("tenant-fin"):
        raise DemoError(f"the ledger holds {held} for tenant-fin, its state has other nodes")

    say(f"{BOLD}4. A second tenant{RESET} chooses a rack for 3 nodes; it cannot know that others are there.")
    demo.stack("tenant-sme-pool", "tenant-sme-pool")
    crowd()
    output = demo.pulumi("tenant-sme-pool", "up", "--yes", expect=None)
    refusal = message(output, admission)
    if "nothing was claimed or created" not in refusal:
        raise DemoError(f"the change of tenant-sme-pool should have been refused:\n{output}")
    show(refusal)
    if demo.holdings("tenant-sme-pool") or demo.nodes_in_state("tenant-sme-pool"):
        raise DemoError("something of the refused change exists")
    say("Refused whole: the ledger holds nothing for tenant-sme-pool, and its state has no node.")

    say(f"{BOLD}5. Corrected.{RESET} tenant-sme-pool lets the ledger choose. What would change on its nodes:")
    declared = SCRATCH / "zones" / "reference" / "tenant-sme-pool.yaml"
    shutil.copy(REPOSITORY / "stacks" / "zones" / "reference" / "tenant-sme-pool.yaml", declared)
    difference = demo.zonewright("diff", "--stack", "tenant-sme-pool")
    show("\n".join(difference.splitlines()[:9]))
    print(f"  ... {difference.count('+++ ')} files in all")
    show(message(demo.pulumi("tenant-sme-pool", "up", "--yes", "--skip-preview"), admission))
    if demo.holdings("tenant-sme-pool").get("node") != demo.nodes_in_state("tenant-sme-pool"):
        raise DemoError("ledger and state of tenant-sme-pool differ")
    show(demo.zonewright("ledger", "status"))

    energy_ratio(demo, admission)
    approved_change(demo, admission)
    measured_host(demo)
    day_two(demo, admission)

    record(demo)


def record(demo: Demo) -> None:
    """The journal, and whether it is whole."""
    say(f"{BOLD}10. The record.{RESET} Every decision is in the ledger's journal, each chained to the one before.")
    entries = [json.loads(line) for line in demo.zonewright("ledger", "history").splitlines()]
    for entry in entries:
        detail = entry["payload"].get("summary", "")
        text = f"  {entry['sequence']:>2} {entry['kind']:<16} {entry['party']:<12} {detail}".rstrip()
        print(text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}...")
    show(demo.zonewright("ledger", "verify"))


def routers(demo: Demo) -> None:
    """What the ledger holds, and what links of others do to a facility's files, with their verdicts."""
    show(demo.zonewright("ledger", "status"))
    say("To operator-b's routers the carriers' links are a difference; vtysh judges the files, where it is installed:")
    difference = demo.zonewright("diff", "--stack", "facility-b")
    lines = difference.splitlines()
    show("\n".join(line for line in lines if line.startswith("# ") or re.match(r"\+\+\+ .*/frr\.conf$", line)))


def energy_ratio(demo: Demo, admission: str) -> None:
    """Registers that are over the limit, and what the gate then says to 600 kW more in two places."""
    say(f"{BOLD}6. The energy ratio.{RESET} operator-b imports registers of twelve months: 8,000 kW of IT, 1.26125.")
    (SCRATCH / "registers.csv").write_text(registers(it_kw=8_000), encoding="utf-8")
    show(demo.zonewright("pue", "import", "registers.csv", "--zone", "zones/reference", "--site", "qp-dc1"))
    status = demo.zonewright("pue", "status", "--zone", "zones/reference", expect=1)
    show("\n".join(line for block in re.findall(r"^qp-dc1.*\n(?:  .*\n)+", status, re.MULTILINE) for line in [block]))
    for room, wanted in (("d", "mandatory"), ("c", "approval")):
        what = "the planned room d" if room == "d" else "rooms that are open"
        say(f"tenant-fin asks for 600 kW more, in {what}:")
        grow(room)
        output = demo.pulumi("tenant-fin", "preview", expect=None)
        refusal = message(output, admission)
        found = json.loads((SCRATCH / ".zonewright" / "changes" / "tenant-fin" / "findings.json").read_text())
        levels = {item["level"] for item in found["findings"] if item["rule"] == "pue-gate"}
        if levels != {wanted}:
            raise DemoError(f"the gate should have said {wanted}, it said {levels}:\n{output}")
        show(gate_entry(refusal))
    say("What leaves is never stopped, although the ratio rises: 600 kW less.")
    path = SCRATCH / "zones" / "reference" / "tenant-fin.yaml"
    clean = (REPOSITORY / "stacks" / "zones" / "reference" / "tenant-fin.yaml").read_text(encoding="utf-8")
    path.write_text(clean.replace("count: 200", "count: 80").replace("at_least: 100", "at_least: 40"), encoding="utf-8")
    told = message(demo.pulumi("tenant-fin", "preview"), admission)
    if "would be admitted" not in told or "nothing is added" not in told:
        raise DemoError(f"the removal should be admitted with its numbers, the engine said:\n{told}")
    show(told)


def approved_change(demo: Demo, admission: str) -> None:
    """The change that the gate lets pass with an approval only: planned, approved by two keys, applied, verified."""
    say(
        f"{BOLD}7. An approval.{RESET} The administrator names three people and a policy in zone.yaml: two of the "
        "energy board approve what the gate asks for."
    )
    people()
    show(demo.zonewright("ledger", "init", "zones/reference"))
    say("tenant-fin plans the 600 kW in the rooms that are open; its author signs.")
    grow("c")
    show(demo.zonewright("change", "plan", "--stack", "tenant-fin", "--key", "keys/anna.pem", "--reason", "more load"))
    plan = json.loads(demo.zonewright("change", "list", "--state", "planned", "--format", "json"))["changes"][-1][
        "plan"
    ]
    for person in ("ben", "bea"):
        told = demo.zonewright("change", "approve", plan, "--key", f"keys/{person}.pem")
        show("\n".join(told.splitlines()[-2:]))
    show(message(demo.pulumi("tenant-fin", "up", "--yes", "--skip-preview"), admission))
    if demo.holdings("tenant-fin").get("node") != demo.nodes_in_state("tenant-fin"):
        raise DemoError("ledger and state of tenant-fin differ")
    demo.zonewright("change", "export", plan, "--output", "change.tar")
    demo.zonewright("change", "report", "change.tar", "--output", "report.html")
    say("An auditor verifies the bundle with no server and no network, and reads .zonewright/demo/report.html:")
    show(demo.zonewright("audit", "verify", "change.tar", "--keys", "keys"))
    say("One byte of the bundle is changed:")
    archive = SCRATCH / "change.tar"
    archive.write_bytes(archive.read_bytes().replace(b"more load", b"less load", 1))
    show(demo.zonewright("audit", "verify", "change.tar", "--keys", "keys", expect=1).splitlines()[0])


def day_two(demo: Demo, admission: str) -> None:
    """A rename, a rack that is emptied, and a feed that is out."""
    say(f"{BOLD}9. Day two.{RESET} tenant-sme-pool renames a cluster. Its file says what it was; nothing moves.")
    path = SCRATCH / "zones" / "reference" / "tenant-sme-pool.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    old = next(iter(document["clusters"]))
    document["clusters"] = {f"{old}-1": {**document["clusters"].pop(old), "was": old}, **document["clusters"]}
    before = places(demo, "tenant-sme-pool")
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    output = demo.pulumi("tenant-sme-pool", "up", "--yes", "--skip-preview")
    after = places(demo, "tenant-sme-pool")
    if sorted(after.values()) != sorted(before.values()) or after.keys() == before.keys():
        raise DemoError(f"a renamed cluster should keep its places:\n{output}")
    show(message(output, admission))

    rack = next(rack for rack, _ in after.values())
    say(
        f"operator-c wants to empty rack {rack}. Who must move where, in changes that are admitted one after the other:"
    )
    show(demo.zonewright("drain", rack, "--output", "drained"))
    for file in sorted((SCRATCH / "drained").glob("*-tenant-sme-pool.yaml")):
        for name, part in yaml.safe_load(file.read_text(encoding="utf-8"))["clusters"].items():
            document["clusters"][name].setdefault("places", {}).update(part["places"])
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        demo.pulumi("tenant-sme-pool", "up", "--yes", "--skip-preview")
    say("tenant-sme-pool has put its part into its file and run `pulumi up`. Who has moved:")
    show(demo.zonewright("drain", "--track", "drained"))

    say("Feed A of that row is out for a night. Who goes down, and who stays up on what:")
    show(demo.zonewright("outage", f"{rack.rpartition('/')[0]}:A", expect=None))


def places(demo: Demo, name: str) -> dict[str, tuple[str, int]]:
    """Rack and unit of each node of a stack."""
    config = yaml.safe_load((SCRATCH / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))["config"]
    with LedgerClient(config["zone:ledger"], root=SCRATCH) as ledger:
        report = ledger.call(verbs.REPORT, ReportRequest(stack_id=config["zone:stackId"]))
    if demo.nodes_in_state(name) != sum(item.kind == "node" for item in report.holdings):
        raise DemoError(f"ledger and state of {name} differ")
    return {
        item.name: (str(item.data["rack"]), int(str(item.data["position"])))
        for item in report.holdings
        if item.kind == "node"
    }


def people() -> None:
    """Keys of three people, and the policy, added to the copy of zone.yaml."""
    (SCRATCH / "keys").mkdir()
    signers = {"anna": ("tenant-fin", []), "ben": ("operator-b", ["energy"]), "bea": ("operator-a", ["energy"])}
    declared: dict[str, object] = {}
    for person, (party, groups) in signers.items():
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (SCRATCH / "keys" / f"{person}.pem").write_bytes(pem)
        public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        (SCRATCH / "keys" / f"{person}.pub").write_text(f"{public}\n", encoding="ascii")
        declared[person] = {"title": person.title(), "party": party, "groups": groups, "keys": [public]}
    board = {"title": "Energy board", "risks": ["high"], "parties": ["tenant-fin"], "needs": {"energy": 2}}
    path = SCRATCH / "zones" / "reference" / "zone.yaml"
    more = yaml.safe_dump({"signers": declared, "approvals": {"board": board}}, sort_keys=False)
    path.write_text(f"{path.read_text(encoding='utf-8').rstrip()}\n{more}", encoding="utf-8")


def measured_host(demo: Demo) -> None:
    """The agent on this host reports its load to the running service."""
    say(f"{BOLD}8. An agent.{RESET} The service runs on this host; an agent reports this host's own load to it.")
    token = demo.zonewright("serve", "--issue", "this-host", "--node", "demo").splitlines()[-1]
    (SCRATCH / "token").write_text(token, encoding="ascii")
    command = [demo.python, "-m", "zonewright.cli", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=SCRATCH, env=demo.variables, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # noqa: S101 - it is a pipe
            url = server.stdout.readline().rsplit(" ", 1)[-1].strip()
            settings = {"agent": "this-host", "url": f"{url}/v1/metrics", "token_file": "token", "spool": "spool"}
            lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in settings.items())
            (SCRATCH / "agent.toml").write_text(f"{lines}\n", encoding="utf-8")
            path = os.pathsep.join([str(REPOSITORY / "agents"), *sys.path])
            agent = Demo(demo.found, {**demo.variables, "PYTHONPATH": path})
            agent.run(sys.executable, "-m", "zonewright_agent", "--config", "agent.toml", "--once")
        finally:
            server.terminate()
    for sample in Samples(SCRATCH / ".zonewright" / "ledger.samples.db").samples("this-host"):
        value = "no reading" if sample.value is None else f"{sample.value:.4g} {sample.unit}".removesuffix(" 1")
        print(f"  | {sample.name:<28} {sample.part:<12} {value}, {sample.quality}".rstrip())


def registers(it_kw: float, fixed_kw: float = 1_050, slope: float = 0.13) -> str:
    """Flat monthly registers of qp-dc1 for two years, up to the end of the last full month."""
    end = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    moments = [end]
    while len(moments) <= 24:  # noqa: PLR2004 - months
        moments.append((moments[-1] - timedelta(days=1)).replace(day=1))
    lines = ["meter,start,time,value"]
    for moment in reversed(moments):
        hours = (moment - moments[-1]).total_seconds() / 3600
        total, it = (fixed_kw + (1 + slope) * it_kw) * 1000 * hours, it_kw * 1000 * hours
        values = {"utility-a": total / 2, "utility-b": total / 2, "generators": 0, "ups-a": it / 2, "ups-b": it / 2}
        lines += [f"{meter},,{moment.isoformat()},{value:.3f}" for meter, value in values.items()]
    return "\n".join(lines) + "\n"


def grow(room: str) -> None:
    """Let tenant-fin ask for 600 kW more in one room."""
    path = SCRATCH / "zones" / "reference" / "tenant-fin.yaml"
    text = (REPOSITORY / "stacks" / "zones" / "reference" / "tenant-fin.yaml").read_text(encoding="utf-8")
    cluster = f"site: qp-dc1, node_type: database-20u, count: 120, rooms: [{room}], protection_level: 3"
    path.write_text(text.replace("clusters:\n", f"clusters:\n  growth: {{{cluster}}}\n", 1), encoding="utf-8")


def gate_entry(refusal: str) -> str:
    """Of a refusal the entry of the gate."""
    entries = re.split(r"\n(?=\S)", refusal)
    return next((entry for entry in entries if "[pue-gate]" in entry), refusal)


def crowd() -> None:
    """Let tenant-sme-pool choose a rack of tenant-fin's for nodes that stand on taken units and overload its feeds."""
    config = yaml.safe_load((SCRATCH / "Pulumi.tenant-fin.yaml").read_text(encoding="utf-8"))["config"]
    with LedgerClient(config["zone:ledger"], root=SCRATCH) as ledger:
        report = ledger.call(verbs.REPORT, ReportRequest(stack_id=config["zone:stackId"]))
    nodes = [item.data for item in report.holdings if item.kind == "node"]
    taken = sorted((str(data["rack"]), int(str(data["position"]))) for data in nodes)
    rack, position = next(place for place in taken if place[0].startswith("wj-dc1/"))
    path = SCRATCH / "zones" / "reference" / "tenant-sme-pool.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    places = {f"{n:03}": {"rack": rack, "position": position + 4 * (n - 1)} for n in range(1, 4)}
    cluster = {"site": "wj-dc1", "node_type": "gpu-4u", "count": 3, "places": places}
    document["clusters"] = {"small": cluster}
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def main() -> int:
    """Run the demo; returns the exit code."""
    started = time.monotonic()
    try:
        demo = scratch(sys.argv[1] if len(sys.argv) > 1 else sys.executable)
        steps(demo)
    except (DemoError, engine.EngineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    say(f"{BOLD}Done{RESET} in {time.monotonic() - started:.0f} s. For a closer look:")
    print(CLOSER_LOOK)
    return 0


if __name__ == "__main__":
    sys.exit(main())
