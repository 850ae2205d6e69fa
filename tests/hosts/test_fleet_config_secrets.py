"""Approved files with references to secrets: values are put in where files are installed, and are told nowhere."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.fleet_world import ALL_AT_ONCE
from support.ssh_hosts import SshHost, ssh_hosts
from zonewright.fleet.configs.choice import without_line
from zonewright.fleet.configs.desired import ApprovedFiles
from zonewright.fleet.configs.facts import config_plan_text, drift_of
from zonewright.fleet.configs.fill import Filler
from zonewright.fleet.configs.visit import ConfigJob
from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.outcome import Outcome
from zonewright.fleet.rollout.rollout import roll_out
from zonewright.fleet.secrets.fingerprints import Keys
from zonewright.fleet.ssh.ssh_transport import SshSettings, SshTransport
from zonewright.model.canonical import digest_of
from zonewright.model.configuration import Configuration
from zonewright.model.secret import Reference, SecretError
from zonewright.render.formats.format_set import BUILT_IN

SOURCE = "sites/dc1/etc/frr/frr.conf"
TEXT = "router bgp 65001\n neighbor 10.0.0.1 password ref+env://ZONEWRIGHT_SECRET_L1\n"
FIRST, SECOND = "planted-session-word-1", "planted-session-word-2"


@dataclass
class Installer:
    """One host, and a deployer that has values."""

    host: SshHost
    transport: SshTransport
    told: list[str] = field(default_factory=list)

    def job(self, value: str, **changes: str) -> ConfigJob:
        """The configuration of a router with a session's password."""

        def resolve(reference: Reference) -> str:
            if not value:
                raise SecretError(f"{reference.text}: the variable ZONEWRIGHT_SECRET_L1 is not set here")
            return value

        home = self.host.home_there
        settings = {"mode": "640", "check": "true", **changes}
        return ConfigJob(
            transport=self.transport,
            configurations={
                "router": Configuration.model_validate(
                    {
                        "format": "frr",
                        "files": {"etc/frr/frr.conf": f"{home}/frr.conf"},
                        "as_root": False,
                        "keep": f"{home}/kept",
                        "within_s": 2,
                        "confirm_s": 6,
                        **settings,
                    }
                )
            },
            formats=BUILT_IN,
            offer=ApprovedFiles(
                files={SOURCE: digest_of(TEXT)},
                plans={SOURCE: digest_of("plan")},
                missing={},
                texts={digest_of(TEXT): TEXT},
                gated=frozenset(),
            ),
            host_deadline_s=60.0,
            fill=Filler(resolve, lambda: Keys((b"k" * 32,))),
            tell=without_line,
        )

    @property
    def target(self) -> Host:
        """The host in its site."""
        return Host(target=self.host.target(), site="dc1")

    def deploy(self, value: str, **changes: str) -> Outcome:
        """Roll out, and keep all that is told."""
        job = self.job(value, **changes)
        (outcome,) = roll_out([self.target], job, ALL_AT_ONCE, observe=lambda event: self.told.append(repr(event)))
        self.told.append(repr(outcome))
        return outcome

    def look(self, value: str) -> str:
        """The plan with its differences and the drift, as they are told."""
        job = self.job(value)
        session = self.transport.connect(self.host.target(), deadline=time.monotonic() + 30)
        try:
            plans = job.look(self.target, session, is_close=True)
        finally:
            session.close()
        drift = [text for plan in plans for text in drift_of(plan.wanted, plan.facts)]
        return "\n".join([config_plan_text("host", plans, ()), *drift])

    def installed(self) -> str:
        """The file on the host."""
        return (self.host.home / "frr.conf").read_text(encoding="utf-8")


@pytest.fixture(name="at")
def _at(tmp_path: Path) -> Iterator[Installer]:
    with ssh_hosts(tmp_path, 1) as ((host,), key):
        transport = SshTransport(SshSettings(key_files=(key,)))
        try:
            yield Installer(host, transport)
        finally:
            transport.close()


def test_values_reach_the_host_and_nothing_else(at: Installer) -> None:
    """The host has the value; a new value is a new version; nothing that is told holds either, or a hash."""
    assert at.deploy(FIRST).state == "changed"
    assert at.installed() == TEXT.replace("ref+env://ZONEWRIGHT_SECRET_L1", FIRST)
    assert at.deploy(FIRST).state == "unchanged"
    seen = at.look(SECOND)
    assert "- neighbor 10.0.0.1 password [secret]" in seen
    assert "+ neighbor 10.0.0.1 password ref+env://ZONEWRIGHT_SECRET_L1" in seen
    assert f"changed: {at.host.home_there}/frr.conf (it holds secrets, so no hash is shown)" in seen
    assert at.deploy(SECOND).state == "changed"
    assert at.installed() == TEXT.replace("ref+env://ZONEWRIGHT_SECRET_L1", SECOND)
    told = "\n".join([*at.told, seen, at.look(SECOND)])
    assert FIRST not in told
    assert SECOND not in told
    assert digest_of(at.installed())[7:19] not in told


def test_what_a_program_on_the_host_repeats_is_masked(at: Installer) -> None:
    """A check that fails and says the whole file is put back, and what is told of it has no value."""
    outcome = at.deploy(FIRST, check="cat ~/frr.conf >&2; false")
    assert outcome.state == "rolled-back", outcome
    assert "password [secret]" in outcome.sentence
    assert FIRST not in "\n".join(at.told)


def test_a_file_without_its_values_is_not_installed(at: Installer) -> None:
    """A value that cannot be had, and a mode that shows it to everybody, each stop the host with a sentence."""
    missing = at.deploy("")
    assert (missing.state, missing.step) == ("failed", "plan")
    assert "the variable ZONEWRIGHT_SECRET_L1 is not set here" in missing.sentence
    open_to_all = at.deploy(FIRST, mode="644")
    assert "mode: files with secrets that every user of the host may read: expected" in open_to_all.sentence
    assert not (at.host.home / "frr.conf").exists()


def test_where_values_cannot_be_had_nothing_is_compared_or_shown(at: Installer) -> None:
    """A file whose references cannot be resolved is no drift: neither its hash nor a line of it is told."""
    assert at.deploy(FIRST).state == "changed"
    seen = at.look("")
    (wanted,), against = at.job("").wanted(at.target)
    assert against == wanted.unresolved
    assert [digest_of(at.installed())[7:19] in seen, FIRST in seen, "changed:" in seen] == [False, False, False]
    assert "password [secret]" in seen
    at.host.home.joinpath("frr.conf").unlink()
    assert f"missing: {at.host.home_there}/frr.conf" in at.look("")
