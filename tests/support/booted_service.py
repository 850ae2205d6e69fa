"""The zone's service on its host of a booted zone: the real ``zonewright serve``, with what the zone's owners declare.

It serves HTTPS by a certificate of its own. Agents and Prometheus know its authority by ``SSL_CERT_FILE``.
"""

import contextlib
import http.client
import io
import json
import shutil
import sqlite3
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from support.booted_zone import BootedZone
from support.network_hosts import NetworkHost, until
from support.tls import certificate
from support.zone_project import REPOSITORY
from zonewright.cli import main

_AGENTS = REPOSITORY / "agents"
_KWH = 1_000
_PROMETHEUS = 9090
_SETTLED_S = 90
"""As long before the end of an hour the figures of the last one are about to be another hour's."""
_YEAR = {"utility": 1_200 * _KWH, "ups": 1_000 * _KWH}
"""Watt-hours of a year by meter: a ratio of 1.2."""


@dataclass(frozen=True)
class BootedService:
    """A service that runs.

    Attributes:
        folder: its files.
        authority: certificate of its authority.
        url: the ledger's, for who is on its host.
    """

    folder: Path
    authority: Path
    url: str

    @property
    def trusting(self) -> Mapping[str, str]:
        """Environment of a program that trusts its authority."""
        return {"SSL_CERT_FILE": str(self.authority)}

    def reported(self) -> set[str]:
        """The nodes whose agents have reported."""
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/ledger.samples.db?mode=ro", uri=True)) as samples:
            return {row[0] for row in samples.execute("select distinct agent from batch")}

    def token_of_agent(self, node: str) -> str:
        """Let the agent of a node report."""
        return said("serve", "--agents", f"{self.folder}/agents.yaml", "--issue", node, "--node", node).split()[-1]

    def token_of_reader(self, party: str, role: str) -> str:
        """Let somebody of a party read."""
        return said(
            "access", "grant", f"reader-{party}", "--party", party, "--role", role, "--ledger", self.url
        ).splitlines()[0]


def said(*arguments: str) -> str:
    """What a command of ours prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = main(list(arguments))
    assert code == 0, (arguments, printed.getvalue())
    return printed.getvalue()


def serve(zone: BootedZone, declared: Path, folder: Path, *, metered: str) -> BootedService:
    """Bring in what a zone's owners declare and a year of a site's readings, and serve it at the service's addresses.

    Args:
        zone: the booted zone.
        declared: folder of its declarations.
        folder: where the service's files come to lie.
        metered: a site with meters that are called as in ``_YEAR``.
    """
    address = urlsplit(next(iter(zone.nodes.values())).service_url)
    assert address.hostname is not None
    folder.mkdir()
    url, host = f"sqlite:///{folder}/ledger.db", zone.hosts["service"]
    said("ledger", "load", str(declared), "--ledger", url)
    (folder / "readings.csv").write_text(_readings(), encoding="utf-8")
    said("pue", "import", f"{folder}/readings.csv", "--site", metered, "--zone", str(declared), "--ledger", url)
    authority, key = certificate(folder, zone.addresses["service"][0], address.hostname)
    service = BootedService(folder, authority, url)
    (folder / "agents.yaml").write_text("", encoding="utf-8")
    host.daemon(
        sys.executable,
        *("-m", "zonewright.cli", "serve", "--ledger", f"{folder}/ledger.db", "--agents", f"{folder}/agents.yaml"),
        *("--host", "::", "--port", str(address.port or 443)),
        *("--allow-host", address.hostname, "--tls-certificate", str(authority), "--tls-key", str(key)),
    )
    name = Path(sys.executable).name
    assert until(lambda: " on https://" in (host.folder / f"{name}.log").read_text("utf-8"), within_s=60), (
        host.folder / f"{name}.log"
    ).read_text("utf-8")
    return service


def _readings() -> str:
    """Two readings of each register, a year apart, up to this hour; just before its end the next one is waited for."""
    left_s = 3_600 - time.time() % 3_600
    if left_s < _SETTLED_S:
        time.sleep(left_s + 1)
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    before = now.replace(year=now.year - 1, day=min(now.day, 28)) + timedelta(days=max(0, now.day - 28))
    lines = [
        f"{meter},,{moment.isoformat()},{value}"
        for meter, energy in _YEAR.items()
        for moment, value in ((before, _KWH), (now, _KWH + energy))
    ]
    return "\n".join(["meter,start,time,value", *lines, ""])


def resolve_by(host: NetworkHost, servers: list[str]) -> None:
    """Let a host ask its name servers."""
    text = "".join(f"nameserver {one}\n" for one in servers) + "options timeout:1 attempts:5\n"
    (host.folder / "resolv.conf").write_text(text, encoding="utf-8")
    host.run("sh", "-c", f"mount --bind {host.folder}/resolv.conf /etc/resolv.conf")


@dataclass(frozen=True)
class BootedPrometheus:
    """A Prometheus that runs on a host.

    Attributes:
        host: its host.
    """

    host: NetworkHost

    def values(self, query: str) -> set[str]:
        """Values of the series that a query gives now."""
        return {one["value"][1] for one in self._asked("query?" + urlencode({"query": query})).get("result", [])}

    def states(self, alert: str) -> set[str]:
        """States of an alert's instances; none where it is not pending and does not fire."""
        return {one["state"] for one in self._asked("alerts").get("alerts", []) if one["labels"]["alertname"] == alert}

    def alertmanagers(self) -> set[str]:
        """URLs at which it tells of alerts."""
        return {one["url"] for one in self._asked("alertmanagers").get("activeAlertmanagers", [])}

    def _asked(self, path: str) -> dict[str, Any]:
        with self.host.inside():
            one = http.client.HTTPConnection("127.0.0.1", _PROMETHEUS, timeout=5)
            try:
                one.connect()
            except OSError:
                return {}
        with contextlib.closing(one):
            one.request("GET", f"/api/v1/{path}")
            found: dict[str, Any] = json.loads(one.getresponse().read()).get("data", {})
        return found


def start_prometheus(zone: BootedZone, site: str, service: BootedService, token: str) -> BootedPrometheus:
    """Prometheus on the host of a site's name server, with its rendered files, but each second.

    Args:
        zone: the zone.
        site: whose files.
        service: whose authority it trusts.
        token: by which it reads the service's page.
    """
    host = zone.hosts[f"server {site}"]
    etc = host.folder / "prometheus"
    for path in ("prometheus.yml", "rules/zonewright.yml"):
        target = etc / path
        target.parent.mkdir(parents=True, exist_ok=True)
        text = zone.files[f"sites/{site}/etc/prometheus/{path}"]
        target.write_text(text.replace("_interval: 60s", "_interval: 1s"), encoding="utf-8")
    for name in ("zonewright-token", "alerts-token"):
        (etc / name).write_text(token, encoding="ascii")
    shutil.copy(service.authority, etc / "ca.pem")
    host.bind(etc, "/etc/prometheus")
    host.daemon(
        *("env", f"SSL_CERT_FILE={service.authority}", "prometheus", "--config.file=/etc/prometheus/prometheus.yml"),
        *(f"--storage.tsdb.path={etc}/data", f"--web.listen-address=127.0.0.1:{_PROMETHEUS}"),
    )
    return BootedPrometheus(host)


def agent_once(host: NetworkHost, settings: str, token: str, service: BootedService) -> str:
    """What an agent says that reports once with its rendered settings.

    Args:
        host: the node.
        settings: text of its rendered file.
        token: its token.
        service: whose authority it trusts.
    """
    etc = host.folder / "agent"
    host.bind(etc, "/etc/zonewright-agent")
    host.bind(host.folder / "spool", "/var/lib/zonewright-agent")
    (etc / "token").write_text(token, encoding="ascii")
    (etc / "token").chmod(0o600)
    (etc / "agent.toml").write_text(settings, encoding="utf-8")
    known = {"PYTHONPATH": str(_AGENTS), **service.trusting}
    return host.run(
        *("env", *(f"{name}={text}" for name, text in known.items())),
        *(sys.executable, "-m", "zonewright_agent", "--config", "/etc/zonewright-agent/agent.toml", "--once"),
        check=False,
    )
