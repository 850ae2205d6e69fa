"""``zonewright recover``: after a kill or a lost state, bring state and ledger together again."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zonewright.engine import PulumiStack
    from zonewright.ledger.protocol.journal_messages import JournalHead

OWN_TYPE = "zonewright:index:"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``recover``."""
    parser = commands.add_parser(
        "recover",
        help="bring a stack and the ledger together again after a kill or a lost state",
        description=(
            "Remove the lock of a killed run, restore an unreadable state file, clear pending operations, take "
            "the stack over if its state was lost, and run pulumi up. You can run it again safely."
        ),
    )
    parser.add_argument("--stack", required=True, metavar="NAME", help="name of the stack")
    parser.add_argument(
        "--take-over", action="store_true", help="bind the stack id to this state; the old one was lost"
    )
    parser.add_argument(
        "--ledger-restored",
        action="store_true",
        help="go on with a ledger that was restored from a backup or made again, and lacks what this state saw",
    )
    parser.add_argument("--print", action="store_true", dest="only_print", help="only print the commands")
    parser.add_argument("--no-up", action="store_true", help="leave out the last step, pulumi up")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.connection import stack_and_ledger
    from zonewright.engine import PulumiStack, ensure

    root, settings, ledger = stack_and_ledger(arguments.stack, None)
    stack = PulumiStack(ensure(), root, arguments.stack)
    with ledger:
        return _recover(stack, settings.stack_id, ledger, arguments)


def _recover(stack: "PulumiStack", stack_id: str, ledger: Any, arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import REFUSED, StoppedError

    steps = _Steps(stack, only_print=arguments.only_print)
    exists = stack.exists()
    if not exists and not arguments.take_over:
        sentence = (
            f"the backend has no stack {stack.name}. If its state is lost, run: zonewright recover --stack "
            f"{stack.name} --take-over, which makes the stack again. If it is in another backend, set "
            "PULUMI_BACKEND_URL"
        )
        raise StoppedError(sentence, code=REFUSED)
    if not exists and not steps.pulumi("make the stack again, its state is lost", "stack", "init"):
        return 3
    steps.cancel()
    deployment = _readable(stack, only_print=arguments.only_print)
    _know_again(ledger, stack_id, _own(deployment), arguments)  # before anything asks a ledger that is another one
    if deployment.get("pending_operations"):
        count = len(deployment["pending_operations"])
        if not steps.pulumi(f"clear {count} pending operations", "refresh", "--yes", "--clear-pending-creates"):
            return 3
        deployment = stack.export() if not arguments.only_print else deployment
    own = _own(deployment)
    _bring_together(stack.name, stack_id, ledger, own, arguments)
    if arguments.no_up:
        return 0
    return 0 if steps.pulumi("finish what was begun", "up", "--yes", "--skip-preview") else 1


def _own(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for item in deployment.get("resources", ()) if str(item.get("type", "")).startswith(OWN_TYPE)]


def _bring_together(
    name: str, stack_id: str, ledger: Any, own: list[dict[str, Any]], arguments: argparse.Namespace
) -> None:
    """Tell the ledger what the state has, unless it knows the stack id from another state."""
    from zonewright.cli.output import REFUSED, StoppedError
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.stack_messages import ReconcileRequest, RecoverRequest, ReportRequest

    report = ledger.call(verbs.REPORT, ReportRequest(stack_id=stack_id, holdings=False))
    if report.lineage is not None and _lineage(own) != report.lineage:
        if not arguments.take_over:
            sentence = (
                f"the ledger knows stack id {stack_id} from another state. If that state is lost, run: "
                f"zonewright recover --stack {name} --take-over. If it still exists, this is a second "
                "checkout: make another stack with zonewright stack new"
            )
            raise StoppedError(sentence, code=REFUSED)
        print(f"take over stack id {stack_id} ({len(own)} resources in the state)", file=sys.stderr)
        if not arguments.only_print:
            party = report.party or ""
            request = RecoverRequest(
                stack_id=stack_id,
                party=party,
                state_is_empty=not _holds(own),
                holders=_holders(own),
            )
            ledger.call(verbs.RECOVER, request)
    elif report.lineage is not None and not arguments.only_print:
        reconcile = ReconcileRequest(stack_id=stack_id, lineage=report.lineage, holders=_holders(own))
        found = ledger.call(verbs.RECONCILE, reconcile)
        if found.admitted or found.freed:
            print(
                f"the state has no resource for {found.admitted + found.freed} claims or assets of the ledger; "
                f"{found.freed} were about to leave and are freed",
                file=sys.stderr,
            )


def _know_again(ledger: Any, stack_id: str, own: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    """Refuse a ledger that lacks what the state saw, or have it say that this is lost."""
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.stack_messages import AcceptRequest, ReportRequest

    heads = list(_heads(own))
    if not arguments.ledger_restored:
        for head in heads:
            ledger.call(verbs.REPORT, ReportRequest(stack_id=stack_id, holdings=False, seen=head))
        return
    if arguments.only_print or not heads:
        print(f"go on with a ledger that may lack {len(heads)} entries that this state saw", file=sys.stderr)
        return
    lost = ledger.call(verbs.ACCEPT, AcceptRequest(stack_id=stack_id, party=_party(own), seen=heads)).lost
    print(f"the ledger lacks {lost} of {len(heads)} entries that this state saw; it goes on without", file=sys.stderr)


def _heads(own: list[dict[str, Any]]) -> "Iterator[JournalHead]":
    """What the state saw of the ledger: entries by its decisions, the ledger alone by its enrolment."""
    from zonewright.ledger.protocol.journal_messages import JournalHead
    from zonewright.ledger.store.journal import GENESIS

    for outputs in (item.get("outputs", {}) for item in own):
        text = f"{outputs['ledger']} 0 {GENESIS}" if outputs.get("ledger") else str(outputs.get("journal", ""))
        if head := JournalHead.parse(text):
            yield head


def _readable(stack: "PulumiStack", *, only_print: bool) -> dict[str, Any]:
    """The state; where a kill left none that can be read, the checkpoint before it, whose gaps the ledger fills."""
    from zonewright.engine import EngineError

    try:
        return stack.export()
    except EngineError as error:
        if only_print and not stack.exists():
            return {}
        if only_print or (broken := stack.restore()) is None:
            raise
        print(
            f"{error}; the previous checkpoint was restored, and the unreadable file is now {broken}", file=sys.stderr
        )
        return stack.export()


def _holds(own: list[dict[str, Any]]) -> bool:
    holding = {f"{OWN_TYPE}{kind}" for kind in ("Node", "Site", "Row", "Duct", "Link")}
    return any(item.get("type") in holding for item in own)


def _holders(own: list[dict[str, Any]]) -> list[str]:
    """Tokens of the resources in the state, those that are still to be deleted too."""
    return sorted({str(item["outputs"]["holder"]) for item in own if item.get("outputs", {}).get("holder")})


def _party(own: list[dict[str, Any]]) -> str:
    """The party that the state was enrolled for."""
    found = (item.get("outputs", {}).get("party") for item in own if item.get("type") == f"{OWN_TYPE}Enrolment")
    return str(next(found, None) or "")


def _lineage(own: list[dict[str, Any]]) -> str | None:
    for item in own:
        if item.get("type") == f"{OWN_TYPE}Enrolment":
            return str(item.get("outputs", {}).get("lineage"))
    return None


class _Steps:
    """Runs or prints one `pulumi` call after the other."""

    def __init__(self, stack: "PulumiStack", *, only_print: bool) -> None:
        self._stack = stack
        self._only_print = only_print

    def pulumi(self, why: str, *arguments: str) -> bool:
        """One step; True when it succeeded or was only printed."""
        print(f"{why}: pulumi {' '.join(self._stack.command(*arguments))}", file=sys.stderr)
        return self._only_print or self._stack.run(*arguments).returncode == 0

    def cancel(self) -> None:
        """Remove a killed run's lock; that there is none is good too."""
        from zonewright.cli.output import NOT_DECIDED, StoppedError

        arguments = ("cancel", "--yes")
        print(f"remove a killed run's lock: pulumi {' '.join(self._stack.command(*arguments))}", file=sys.stderr)
        if self._only_print:
            return
        for torn in self._stack.drop_torn_attributes():
            print(
                f"the kill left {torn.name} incomplete, so it was removed; the engine writes it again",
                file=sys.stderr,
            )
        result = self._stack.run(*arguments, quiet=True)
        if result.returncode != 0:
            raise StoppedError((result.stderr or "").strip(), code=NOT_DECIDED)
