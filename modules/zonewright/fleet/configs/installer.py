"""Configurations installed on one host: every version unpacked and validated, then one trial after the other."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zonewright.fleet.archive import tar_members
from zonewright.fleet.configs.desired import Wanted
from zonewright.fleet.configs.facts import OVER, ConfigPlan, drift_of, observe_configuration
from zonewright.fleet.configs.guard import RESTORES_WITHIN_S, Guard, guard_head, guard_of, promise
from zonewright.fleet.configs.scripts import INSTALL, VALIDATE
from zonewright.fleet.configs.trial import AGAIN, FOLLOW, START, TRIAL
from zonewright.fleet.rollout.outcome import Progress
from zonewright.fleet.scripting import Script, reason_of
from zonewright.fleet.ssh.attached import Attached
from zonewright.fleet.ssh.transport import CommandError, FleetError, LostError, Session, UnreachableError
from zonewright.render.validators.native import LIMIT_S, judged

_FOLLOW_S = 5
_CALL_S = 15.0
_RETRY_S = 0.5
_MARGIN_S = 15.0
_ROOT = "{root}"
_PREVIOUS = "previous"
_TOO_LONG = (124, 137)
_ENDS = {"other": "its trial did not start", "dead": "its trial was cut off on the host; the next run repairs it"}
_UNGUARDED = "neither systemd nor cron can restore the files if the host loses power in the trial; the next run does"


def seconds_of(wanted: Wanted) -> float:
    """How long a trial may take at most: reload, check, confirmation, and the reload of the files from before."""
    return 3 * wanted.settings.within_s + wanted.settings.confirm_s + _MARGIN_S


@dataclass(frozen=True, slots=True)
class _Told:
    """State of a trial, and why."""

    state: str
    why: str


class ConfigInstaller(Attached):
    """Carries out the plans of one host.

    Args:
        session: with the host.
        plans: what is to be done; those without reasons are left alone.
        gated: formats that are switched on a pass only.
        connect: opens another session with the host, which ends after so many seconds.
        words: gives a word that nobody has used before.
        say: told each step as it begins.
        progress: kept up to date.
        turn: of ``turn_arguments``; the default takes no turn.
    """

    def __init__(
        self,
        session: Session,
        plans: Sequence[ConfigPlan],
        *,
        gated: frozenset[str],
        connect: Callable[[float], Session],
        words: Callable[[], str],
        say: Callable[[str, str], None],
        progress: Progress,
        turn: tuple[str, str, str] = ("", "", "0"),
    ) -> None:
        super().__init__(session)
        self._turn = turn
        self._connect, self._words, self._say = connect, words, say
        self._plans = [plan for plan in plans if plan.reasons]
        self._gated, self.progress = gated, progress
        self._kept: list[Wanted] = []
        self.notes: list[str] = []

    def carry_out(self) -> None:
        """Install and validate all versions, then try one after the other.

        Raises:
            LostError: when the connection broke, and how it ended is not known.
            CommandError: when a step failed; what was on trial is put back already.
            PrivilegeError: when the host does not let the user act as root.
        """
        for plan in self._plans:
            self._recover(plan)
        for plan in self._plans:
            self._step("install", f"{plan.wanted.id}: {'; '.join(plan.reasons)}")
            self.progress.is_changing = True
            wanted, settings = plan.wanted, plan.wanted.settings
            arguments = (wanted.keep, wanted.id, _sha256(wanted), settings.owner, settings.mode)
            self._run(wanted, INSTALL, *arguments, *self._turn, stdin=wanted.archive)
        for plan in self._plans:
            self._validate(plan.wanted)
        for plan in self._plans:
            self.progress.is_switched = True
            self._step("switch", f"{plan.wanted.id}, and {plan.wanted.settings.reload or 'nothing'} to reload")
            self._try(plan.wanted, plan.wanted.id)
            self._kept.append(plan.wanted)

    def roll_back(self) -> str:
        """Put back what was kept, the last first; gives what is in force then.

        Raises:
            CommandError: when the host does not keep the files from before.
        """
        self.progress.step = "roll-back"
        while self._kept:
            self._say("roll-back", f"{self._kept[-1].name}: the previous files")
            self._try(self._kept[-1], _PREVIOUS)
            self._kept.pop()
        self.progress.is_switched = False
        return "the previous configuration"

    def verify_again(self, session: Session) -> None:
        """After the soak: the files are there, and the check passes.

        Raises:
            CommandError: when it is not so.
        """
        self.use(session)
        self.progress.step = "soak"
        for wanted in self._kept:
            drift = list(drift_of(wanted, observe_configuration(session, wanted)))
            if drift:
                raise CommandError(f"{wanted.name} changed after the trial: {'; '.join(drift)}", code=1, output="")
            settings = wanted.settings
            command = AGAIN.command(f"{settings.within_s:g}", settings.check)
            done = session.run(command, as_root=settings.as_root)
            if done.code != 0:
                said = done.stdout.decode("utf-8", "replace").strip()
                raise CommandError(
                    f"the check of {wanted.name} no longer passes: {reason_of(said)}",
                    code=done.code,
                    output=said,
                )

    def _recover(self, plan: ConfigPlan) -> None:
        """Wait for a trial that is going on, and put back one that was cut off with the host."""
        wanted, facts = plan.wanted, plan.facts
        end = time.monotonic() + seconds_of(wanted)
        while facts.is_on_trial and facts.trial not in OVER:
            self._step("wait", f"another trial of {wanted.name} is still running")
            if time.monotonic() > end:
                raise CommandError(f"another trial of {wanted.name} does not finish", code=1, output="")
            time.sleep(_RETRY_S)
            facts = observe_configuration(self._session, wanted)
        if facts.trial not in OVER:
            self._step("recover", f"the last trial of {wanted.name} was cut off at {facts.trial}")
            self.progress.is_changing = True
            self._run(wanted, TRIAL, *self._arguments(wanted, "recover", "none", "none"))

    def _validate(self, wanted: Wanted) -> None:
        """Let the format's own program judge the version on the host."""
        check, name = wanted.format.check, wanted.format.id
        if check is None:
            self._unjudged(wanted, "the format has no validator")
            return
        self._step("validate", f"{wanted.id} with {check.program}")
        work = f"{wanted.keep}/.check"
        parts = tar_members({path: text.encode() for path, text in wanted.beside.items()}) + bytes(1024)
        network = "own" if check.in_namespace else "any"
        for arguments in check.commands:
            given = [item.replace(_ROOT, work) for item in arguments]
            command = (wanted.keep, wanted.id, network, f"{LIMIT_S:g}", check.program, *given)
            said = self._run(wanted, VALIDATE, *command, stdin=parts)
            first, _, output = said.partition("\n")
            if first == "absent":
                self._unjudged(wanted, f"{check.program} is not installed on the host (package {check.package})")
                return
            code = int(first)
            if code in _TOO_LONG:
                self._unjudged(wanted, f"{check.program} ran longer than {LIMIT_S:g} s")
                return
            if code and output.startswith("unshare: "):
                self._unjudged(wanted, f"{check.program} needs a network namespace: {output.strip()}")
                return
            word, told = judged(check, code, output.replace(work, "").strip())
            if word == "not-run":
                self._unjudged(wanted, told)
                return
            if word == "fail":
                raise CommandError(f"{check.program} refuses {name}: {_brief(told)}", code=code or 1, output=told)
        self._say("validate", f"{check.program} passed {wanted.id}")

    def _unjudged(self, wanted: Wanted, why: str) -> None:
        if wanted.format.id in self._gated:
            raise CommandError(f"files of {wanted.format.id} need a pass, and there is none: {why}", code=1, output="")
        self._say("validate", f"not validated: {why}")
        self.notes.append(f"{wanted.name} was not validated on the host: {why}")

    def _try(self, wanted: Wanted, version: str) -> None:
        """One trial from its begin to its end, over as many connections as it takes."""
        word = self._words()
        end = time.monotonic() + seconds_of(wanted)
        in_force = wanted.id if version == _PREVIOUS else ""  # back from what was kept, and from nothing else
        guard = self._start(wanted, in_force, *self._arguments(wanted, "try", version, word))
        if guard == "none":
            self._say("switch", _UNGUARDED)
        told = self._follow(wanted, word, end, guard, is_confirmed=False)
        if told.state == "waiting":
            self._say("confirm", "over a new connection")
            told = self._follow(wanted, word, end, guard, is_confirmed=True)
        if told.state != "kept":
            if told.state == "failed":  # nothing was switched
                self.progress.is_switched = bool(self._kept)
            why = told.why or _ENDS.get(told.state, f"its trial is {told.state}")
            raise CommandError(f"{wanted.name}: {why}", code=1, output="")

    def _start(self, wanted: Wanted, in_force: str, *arguments: str) -> Guard | None:
        """Begin a trial, over a connection that is given up soon: what is switched may freeze it before it answers.

        Gives what restores the files if the trial is cut off; None where the host's answer did not come.
        """
        command = START.command(wanted.keep, TRIAL.text, guard_head(arguments[1:]), *arguments, in_force, *self._turn)
        try:
            with contextlib.closing(self._connect(_CALL_S)) as session:
                done = session.run(command, as_root=wanted.settings.as_root)
        except LostError:
            return None  # whether it began is seen by its word
        except UnreachableError as error:
            raise CommandError(f"{wanted.name}: its trial was not started: {error}", code=1, output="") from None
        if done.code != 0:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise CommandError(f"{wanted.name}: its trial does not start: {reason_of(said)}", code=1, output=said)
        return guard_of(done.stdout.decode("utf-8", "replace"))

    def _follow(self, wanted: Wanted, word: str, end: float, guard: Guard | None, *, is_confirmed: bool) -> _Told:
        """How the trial went on, asked over new connections: the old one may hang in the network that was switched."""
        ends = {"waiting", "kept", "rolled-back", "failed", "stuck", "other", "dead"} - (
            {"waiting"} if is_confirmed else set()
        )
        why, dead_s = "its trial did not finish", 0.0
        while time.monotonic() < end:
            try:
                with contextlib.closing(self._connect(_CALL_S)) as session:
                    command = FOLLOW.command(wanted.keep, word, str(_FOLLOW_S), "yes" if is_confirmed else "no")
                    done = session.run(command, as_root=wanted.settings.as_root)
                state, _, told = done.stdout.decode("utf-8", "replace").partition("\n")
                dead_s = (dead_s or time.monotonic()) if state == "dead" else 0.0
                is_repaired = state == "dead" and time.monotonic() - dead_s < RESTORES_WITHIN_S.get(guard or "", 0.0)
                if state in ends and not is_repaired:
                    return _Told(state, told.strip())
                if is_repaired:  # the guard comes soon, and then its word of it is better than ours
                    time.sleep(_RETRY_S)
                why = f"its trial is {state or 'not visible'}"
            except FleetError as error:
                why = str(error)
                time.sleep(_RETRY_S)
        raise LostError(f"{why}; unless {wanted.name} was confirmed, {promise(guard)}")

    @staticmethod
    def _arguments(wanted: Wanted, mode: str, version: str, word: str) -> tuple[str, ...]:
        settings = wanted.settings
        within, confirm = f"{settings.within_s:.0f}", f"{settings.confirm_s:.0f}"
        reload, check = settings.reload, settings.check
        if version == _PREVIOUS:  # what was there before is put back whether it worked or not, or nothing was there
            reload, check = f"({reload or ':'}) || :", ":"
        return mode, wanted.keep, version, word, within, confirm, reload, check

    def _step(self, step: str, detail: str) -> None:
        self.progress.step = step
        self._say(step, detail)

    def _run(self, wanted: Wanted, script: Script, *arguments: str, stdin: bytes = b"") -> str:
        done = self._session.run(script.command(*arguments), stdin=stdin, as_root=wanted.settings.as_root)
        if done.code != 0:
            said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
            why = reason_of(said) or f"exit code {done.code}"
            raise CommandError(
                f"{self.progress.step} of {wanted.name} failed: {why}", code=done.code, output=said[-300:]
            )
        return done.stdout.decode("utf-8", "replace")


def _brief(text: str) -> str:
    return " ".join(text.split())[:300] or "it printed nothing"


def _sha256(wanted: Wanted) -> str:
    return hashlib.sha256(wanted.archive).hexdigest()
