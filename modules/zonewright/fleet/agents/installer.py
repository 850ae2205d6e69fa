"""A plan carried out on one host, step by step; what did not become healthy is put back at once."""

import contextlib
import re
import time
from collections.abc import Callable

from zonewright.fleet.agents.artefact import Release
from zonewright.fleet.agents.facts import observe
from zonewright.fleet.agents.layout import UNIT, Layout
from zonewright.fleet.agents.plan import HostPlan, StepKind
from zonewright.fleet.agents.scripts import ACCEPT, CHECK, INSTALL, LOG, PREPARE, REMOVE, STATUS, SWITCH
from zonewright.fleet.agents.service import HealthReport, Service, ServiceError, read_signed
from zonewright.fleet.rollout.outcome import Progress
from zonewright.fleet.scripting import OUTPUT_TAIL, Script, reason_of
from zonewright.fleet.ssh.attached import Attached
from zonewright.fleet.ssh.transport import CommandError, Session
from zonewright.seal.ssh_signatures import SignatureError

_WAIT_S = 5.0
"""For one answer of the service, which comes as soon as the report does."""
_PAUSE_S = 0.5
"""At least, from one question to the next where the answer was not the one that is waited for."""
_SECONDS = 10
"""Digits of a moment in seconds since 1970."""


class UnhealthyError(CommandError):
    """The agent was started and is not healthy."""


class Installer(Attached):
    """Carries out the plan of one host.

    Args:
        session: with the host.
        layout: where the agent lives.
        plan: what is to be done.
        service: what agents report to.
        health_s: how long the agent may take to report, in seconds.
        say: told each step as it begins.
        progress: kept up to date.
        turn: of ``turn_arguments``; the default takes no turn.
    """

    def __init__(
        self,
        session: Session,
        layout: Layout,
        plan: HostPlan,
        service: Service,
        *,
        health_s: float,
        say: Callable[[str, str], None],
        progress: Progress,
        turn: tuple[str, str, str] = ("", "", "0"),
    ) -> None:
        super().__init__(session)
        self._turn = turn
        self._layout, self._plan = layout, plan
        self._service, self._health_s, self._say, self.progress = service, health_s, say, progress
        self._public_key, self._token = "", ""
        self._before: HealthReport | None = None
        self._known: bytes | None = None
        self._accepted: HealthReport | None = None
        self._accepted_pid = ""
        self._switched_ns = 0

    @property
    def _release(self) -> Release:
        if self._plan.release is None:
            raise ValueError(f"{self._plan.host} has problems that prevent a change")
        return self._plan.release

    @property
    def previous(self) -> str:
        """The release to go back to: the one that ran before, unless only an older one was ever healthy; or empty."""
        facts = self._plan.facts
        ran = facts.current if facts.current != self._release.id else ""
        return ran if ran in facts.healthy else facts.previous or ran

    @property
    def sources(self) -> tuple[str, ...]:
        """What gave readings, by the report that was accepted."""
        report = self._accepted
        return () if report is None else tuple(name for name, fault in sorted(report.sources.items()) if not fault)

    def carry_out(self) -> None:
        """Do all steps.

        Raises:
            LostError: when the connection broke.
            CommandError: when a step failed; ``UnhealthyError`` when the agent is not healthy.
            PrivilegeError: when the host does not let the user act as root.
            ServiceError: when the service does not answer.
        """
        actions: dict[StepKind, Callable[[], None]] = {
            "prepare": self._prepare,
            "token": self._give_token,
            "install": self._install,
            "switch": self._switch,
            "verify": self.verify,
            "accept": self._accept,
        }
        for step in self._plan.steps:
            self.progress.step = step.kind
            self._say(step.kind, step.reason)
            if step.kind != "verify":
                self.progress.is_changing = True
            actions[step.kind]()

    def roll_back(self) -> str:
        """Put back what ran before, or nothing where nothing did; gives what runs now.

        Raises:
            CommandError: when that does not work either, or another run has changed the host since.
        """
        self.progress.step = "roll-back"
        now = observe(self._session, self._layout).current
        if now not in (self._release.id, self._plan.facts.current):
            raise CommandError(f"another run has changed it to {now or 'nothing'} since; it runs on", code=1, output="")
        previous = self.previous
        if previous:
            self._say("roll-back", f"back to {previous}")
            self._switch_to(previous)
            self._await_report(previous)
        else:
            self._say("roll-back", "nothing ran before")
            self._remove(everything=False)
        self.progress.is_switched = False
        return previous

    def go_back(self) -> str:
        """Let the last other release that was healthy run again, on its own account; gives it.

        Raises:
            CommandError: when there is none, or it does not become healthy; then what ran before runs again.
        """
        facts = self._plan.facts
        previous = facts.previous
        if not previous:
            others = [release for release in facts.releases if release != facts.current]
            why = f"; {', '.join(others)} never reported healthy" if others else ""
            raise CommandError(f"there is no previous release{why}", code=1, output="")
        self.progress.step = "prepare"
        self._prepare()
        self.progress.step, self.progress.is_changing = "roll-back", True
        self._say("roll-back", f"back to {previous}")
        self._switch_to(previous)
        try:
            self._await_report(previous)
        except UnhealthyError as error:
            if not facts.current:
                raise
            self._switch_to(facts.current)
            raise UnhealthyError(f"{error}; {facts.current} runs again", code=error.code, output=error.output) from None
        return previous

    def remove(self) -> None:
        """Stop the agent and take everything of it off the host."""
        self.progress.step, self.progress.is_changing = "remove", True
        self._say("remove", "everything of the agent")
        self._remove(everything=True)

    def verify(self) -> None:
        """Wait until the agent runs and has reported this release, signed by its host's key, with no source worse.

        Raises:
            UnhealthyError: when it does not in time.
        """
        report = self._await_report(self._release.id)
        worse = report.worse_than(self._before)
        if worse:
            raise self._unhealthy(f"a source is worse than before: {'; '.join(worse)}")

    def verify_again(self, session: Session) -> None:
        """After the soak: it still runs, did not start again, and no later report is worse.

        Raises:
            UnhealthyError: when it is not so.
        """
        self.use(session)
        self.progress.step = "soak"
        accepted, pid = self._accepted, self._accepted_pid
        self.verify()
        # One that was started again a moment ago has not reported yet, and the supervisor knows it already.
        is_other = accepted is not None and self._accepted is not None and accepted.pid != self._accepted.pid
        if is_other or pid != self._accepted_pid:
            raise self._unhealthy("it restarted during the soak")

    def _await_report(self, release: str) -> HealthReport:
        """The signed report of a release from the process that runs now."""
        deadline, why, is_deaf = time.monotonic() + self._health_s, "none came", False
        known = self._known if self._switched_ns else None  # where nothing was switched, the present one counts
        while (left_s := deadline - time.monotonic()) > 0:
            asked = time.monotonic()
            try:
                body, report, why = self._report(known, min(left_s, _WAIT_S))
                is_deaf = False
            except ServiceError as error:
                body, report, why, is_deaf = None, None, str(error), True
            is_other = body is not None and body != known
            if report is not None and report.release == release and self._is_new(report):
                word, said = self._status()
                if word == "active":
                    self._accepted, self._accepted_pid = report, _pid_of(said)
                    return report
                why, is_other = f"it reported, but no longer runs ({said})", False
            elif report is not None:
                why = f"the last report is older and of release {report.release}"
            if is_other:
                known = body
            else:
                now = time.monotonic()
                time.sleep(max(0.0, min(asked + _PAUSE_S, deadline) - now))
        word, said = self._status() if is_deaf else ("", "")
        if word == "active":
            sentence = (
                f"the agent runs ({' '.join(said.split())}), but the service cannot be asked for its report: {why}"
            )
            raise UnhealthyError(sentence, code=1, output="")
        raise self._unhealthy(f"it did not report within {self._health_s:.0f} s: {why}")

    def _is_new(self, report: HealthReport) -> bool:
        """Whether a report was made after the last switch, by the host's own clock."""
        return report.time_ns > self._switched_ns

    def _prepare(self) -> None:
        layout = self._layout
        said = self._run(
            PREPARE, layout.prefix, layout.secrets, layout.spool, layout.user, self._plan.host, *self._turn
        )
        found = dict(line.partition("=")[::2] for line in said.splitlines())
        self._public_key, self._token = found["key"], found.get("token", "")
        if self._token and not any(step.kind == "token" for step in self._plan.steps):
            with contextlib.suppress(ServiceError):  # then there is nothing to compare with
                self._known, self._before, _ = self._report(None, 0.0)

    def _give_token(self) -> None:
        self._token = self._service.issue(self._plan.host, self._public_key)
        layout = self._layout
        self._session.put(layout.token, self._token.encode(), mode=0o600, as_root=layout.is_system, owner=layout.user)

    def _install(self) -> None:
        release, layout = self._release, self._layout
        facts = self._plan.facts
        lists = release.lists(facts.python_version).rstrip("\n")
        arguments = (layout.prefix, release.id, lists, facts.python, CHECK)
        self._run(INSTALL, *arguments, stdin=release.archive(facts.python_version))

    def _switch(self) -> None:
        self.progress.is_switched = True
        try:
            self._switch_to(self._release.id)
        except CommandError as error:
            raise UnhealthyError(
                f"the agent is not healthy: it does not start: {error}{self._log()}",
                code=error.code,
                output=error.output,
            ) from None

    def _switch_to(self, release: str) -> None:
        """Let another release run; reports count from the host's time just before that."""
        layout = self._layout
        said = self._run(SWITCH, layout.prefix, release, self._plan.supervisor, layout.services, UNIT)
        moment = said.strip()  # a date without nanoseconds prints the letter N, or nothing
        self._switched_ns = (
            int(moment) if moment.isdigit() and len(moment) > _SECONDS else int(moment[:_SECONDS]) * 10**9
        )

    def _accept(self) -> None:
        self._run(ACCEPT, self._layout.prefix, self._release.id, self.previous)

    def _remove(self, *, everything: bool) -> None:
        layout = self._layout
        self._run(
            REMOVE,
            layout.prefix,
            layout.secrets,
            layout.spool,
            self._plan.supervisor,
            layout.services,
            UNIT,
            "yes" if everything else "no",
        )

    def _report(self, known: bytes | None, wait_s: float) -> tuple[bytes | None, HealthReport | None, str]:
        """The last report as it came, what it says where its signature counts, or why not.

        Raises:
            ServiceError: when the service does not answer.
        """
        body = None
        try:
            body = self._service.last_report(self._token, known=known, wait_s=wait_s)
            if body is None:
                return None, None, "none came yet"
            return body, read_signed(body, self._public_key), ""
        except SignatureError as error:
            return body, None, f"the last report is not valid: {error}"

    def _status(self) -> tuple[str, str]:
        """Whether it runs, in a word, and what the supervisor says."""
        command = STATUS.command(self._plan.supervisor, self._layout.services, UNIT)
        done = self._session.run(command, as_root=self._layout.is_system)
        said = done.stdout.decode("utf-8", "replace").strip()
        word = said.splitlines()[0] if said else "unknown"
        is_running = word == "active" or word.startswith("run:")
        return ("active" if is_running else "not running"), said

    def _log(self) -> str:
        command = LOG.command(self._plan.supervisor, UNIT)
        said = self._session.run(command, as_root=self._layout.is_system).stdout.decode("utf-8", "replace").strip()
        return f"; its log: {said[-OUTPUT_TAIL:]}" if said else ""

    def _unhealthy(self, why: str) -> UnhealthyError:
        return UnhealthyError(f"the agent is not healthy: {why}{self._log()}", code=1, output="")

    def _run(self, script: Script, *arguments: str, stdin: bytes = b"") -> str:
        done = self._session.run(script.command(*arguments), stdin=stdin, as_root=self._layout.is_system)
        if done.code != 0:
            said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
            reason = reason_of(said) or f"exit code {done.code}"
            raise CommandError(f"{self.progress.step} failed: {reason}", code=done.code, output=said[-OUTPUT_TAIL:])
        return done.stdout.decode("utf-8", "replace")


def _pid_of(said: str) -> str:
    """The main process of what a supervisor says of a unit; empty where it names none."""
    found = re.search(r"MainPID=(\d+)|\(pid (\d+)\)", said)
    return next(filter(None, found.groups()), "") if found else ""
