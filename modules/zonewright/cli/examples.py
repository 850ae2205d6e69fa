"""An example or two of each command, for its help and the reference. Each is parsed by a test."""

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "init": ("init my-zone",),
    "check": (
        "check zones/ours",
        "check zones/ours --since main --format sarif > check.sarif",
        "check --stack tenant-a",
        "check zones/ours --fix",
    ),
    "fit": ("fit --kw 300 --u 40", "fit --kw 12 --u 8 --site dc1 --level 3 --zone zones/ours"),
    "explain": ("explain web-001 --stack tenant-a", "explain web-001 --zone zones/ours --owner tenant-a"),
    "outage": (
        "outage dc1/a/01:A --zone zones/ours",
        "outage dc1/pa --from 2026-12-01T22:00+08:00 --to 2026-12-02T02:00+08:00",
    ),
    "drain": (
        "drain dc1/a/01/07 --zone zones/ours --output drained",
        "drain --track drained",
    ),
    "zone types": ("zone types zones/ours", "zone types zones/ours 'dell-*' --unusable"),
    "zone show": ("zone show zones/ours --svg map.svg",),
    "rules list": ("rules list", "rules list zones/ours"),
    "rules show": ("rules show reuse-first", "rules show own/parties-in-a-rack zones/ours"),
    "rules lint": ("rules lint zones/ours",),
    "rules test": ("rules test zones/ours",),
    "rules impact": ("rules impact next-year --zone zones/ours", "rules impact next-year"),
    "adopt": (
        "adopt zones/ours --netbox https://netbox.example.com --operator dc1=operator-a",
        "adopt zones/ours --json exports --dry-run",
        "adopt zones/ours --csv racks.csv",
    ),
    "export": (
        "export zones/ours --netbox https://netbox.example.com --dry-run",
        "export zones/ours --netbox https://netbox.example.com --token-file token",
    ),
    "pue evaluate": ("pue evaluate readings.csv --meters meters.yaml --from 2026-01-01 --to 2027-01-01",),
    "pue forecast": ("pue forecast --site dc1 --add 200kW --zone zones/ours",),
    "pue import": (
        "pue import readings.csv --site dc1 --zone zones/ours",
        "pue import export.csv --map meters-csv.yaml --site dc1 --zone zones/ours --dry-run",
    ),
    "pue correct": ('pue correct right.csv --site dc1 --zone zones/ours --by "R. Hale" --reason "kWh read as Wh"',),
    "pue corrections": ("pue corrections --site dc1",),
    "pue status": ("pue status", "pue status --zone zones/ours --format json"),
    "pue lost": (
        "pue lost --site dc1 --from 2026-07-01T10:00Z --to 2026-07-01T12:00Z --zone zones/ours --by anna --reason disk",
    ),
    "pue prune": ("pue prune --keep-days 730",),
    "render": (
        "render --stack tenant-a --out rendered --validate",
        "render --stack tenant-a --explain dc1/bind/db.dc1:12",
    ),
    "diff": ("diff --stack tenant-a --view side", "diff --stack tenant-a --exit-code --view summary"),
    "remediate": (
        "remediate running/leaf-a1.cfg --intended rendered",
        "remediate running --intended site --intended tenant-a --intended tenant-b --whole",
    ),
    "change plan": ('change plan --stack tenant-a --reason "more web servers" --key me.pem',),
    "change show": ("change show 3f9c2a17",),
    "change export": ("change export 3f9c2a17 --output change.tar",),
    "change approve": (
        "change approve 3f9c2a17 --key me.pem",
        "change approve 3f9c2a17 --key me.pem --viewed 5b5b0201402a --viewed 05acd74f77da",
    ),
    "change reject": ('change reject 3f9c2a17 --key me.pem --comment "feed B is not built yet"',),
    "change report": ("change report change.tar --output report.html --keys keys",),
    "change list": ("change list --state planned",),
    "audit verify": ("audit verify change.tar --keys keys --checkpoint checkpoint.json",),
    "watch": ("watch --rules rules.yml", "watch --webhook https://hooks.example.com/zone --key watch.pem"),
    "audit telemetry": ("audit telemetry gw-1.xz --checkpoint checkpoint.json --bundle change.tar",),
    "pue signed": ("pue signed", "pue signed --agent gw-1 --out gw-1.xz"),
    "audit complete": ("audit complete --checkpoint checkpoint.json",),
    "audit period": ("audit period --from 2026-01-01 --to 2026-04-01",),
    "stack new": ("stack new tenant-a --party tenant-a", "stack new --all zones/ours"),
    "ledger init": ("ledger init zones/ours",),
    "ledger load": ("ledger load zones/ours --only operator-a",),
    "ledger unload": ("ledger unload zones/ours --only operator-a",),
    "ledger status": ("ledger status --rows", "ledger status --stack tenant-a --format json"),
    "ledger who": ("ledger who dc1/a/01/01", "ledger who 10.0.0.13"),
    "pue report": ("pue report", "pue report dc1 --out dc1.html"),
    "ledger forecast": ("ledger forecast", "ledger forecast north --within 365"),
    "ledger offers": ("ledger offers", "ledger offers dc1 --ending 30"),
    "ledger find": ("ledger find web-001", "ledger find 10.0.0.13"),
    "ledger found": (
        'ledger found web-007 --party operator-a --rack dc1/a/01/03 --unit 12 --why inventory --contact "R. Hale"',
        "ledger found --list",
    ),
    "ledger reconcile": ("ledger reconcile --state tenant-a.json",),
    "ledger history": ("ledger history > journal.jsonl",),
    "ledger checkpoint": ("ledger checkpoint > checkpoint.json",),
    "ledger verify": (
        "ledger verify --state --checkpoint checkpoint.json",
        "ledger verify --journal journal.jsonl --checkpoint checkpoint.json",
        "ledger verify --witness hub.jsonl --witness stamps.jsonl --timestamp-ca tsa.pem",
    ),
    "ledger backup": ("ledger backup ledger-2026-01-31.db",),
    "ledger restore": ("ledger restore ledger-2026-01-31.db",),
    "ledger copy": ("ledger copy postgresql://ledger.example/zonewright",),
    "ledger prune": ("ledger prune --before 2025-01-01 --dry-run",),
    "ledger upgrade": ("ledger upgrade",),
    "access grant": ("access grant tenant-a-ci --party tenant-a --role tenant --days 90",),
    "access list": ("access list",),
    "access rotate": ("access rotate tenant-a-ci --overlap-h 24",),
    "access revoke": ('access revoke tenant-a-ci --why "left the company"',),
    "reserve": (
        'reserve --stack tenant-a --for 90d --why "servers are ordered"',
        'reserve --stack tenant-a --for 12w --racks 2 --kw 40 --site dc1 --why "a new cluster in spring"',
    ),
    "reserve list": ("reserve list",),
    "reserve renew": ("reserve renew --stack tenant-a --for 30d --why late",),
    "reserve free": ("reserve free --stack tenant-a --why 'the order was cancelled'",),
    "recover": ("recover --stack tenant-a", "recover --stack tenant-a --take-over --print"),
    "serve": (
        "serve --agents agents.db --port 8460",
        "serve --witnesses witnesses.yaml --log-format json",
    ),
    "fleet plan": ("fleet plan --site dc1",),
    "fleet deploy": ("fleet deploy --site dc1 --dry-run", "fleet deploy --configs --wave 5"),
    "fleet status": ("fleet status", "fleet status --rack dc1/a/01/01 --format json"),
    "fleet verify": ("fleet verify --site dc1",),
    "fleet rollback": ("fleet rollback --site dc1",),
    "fleet uninstall": ("fleet uninstall web-001",),
    "fleet trust": ("fleet trust web-001 --fingerprint SHA256:uNiVztksCsDhcc0u9e8BrodvfP",),
    "fleet run": ('fleet run --site dc1 --command "uptime"',),
    "fleet inventory": ("fleet inventory --format ansible > hosts.yaml",),
    "secret key": ("secret key --rotate",),
    "secret list": ("secret list rendered --changed",),
    "secret fill": ("secret fill rendered filled",),
    "policy": ("zonewright policy",),
    "engine ensure": ("engine ensure",),
    "engine status": ("engine status",),
    "engine env": ('eval "$(zonewright engine env)"',),
    "schema": ("schema zone > zone.schema.json",),
    "completion": ("completion bash > ~/.local/share/bash-completion/completions/zonewright",),
}
"""By the command's words; a line that does not begin with the command is written as it is."""


def lines_of(command: str) -> tuple[str, ...]:
    """Whole lines for a shell; none where the command has no example.

    Args:
        command: its words after ``zonewright``.
    """
    given = EXAMPLES.get(command, ())
    return tuple(f"zonewright {line}" if line.startswith(command) else line for line in given)
