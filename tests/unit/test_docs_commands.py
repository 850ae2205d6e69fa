"""The commands of all pages are commands of this version, with options that it has."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.zone_project import REPOSITORY
from zonewright.cli import parser

PAGES = sorted([*REPOSITORY.glob("docs/**/*.md"), REPOSITORY / "README.md", REPOSITORY / "SECURITY.md"])
MENTION = re.compile("arguments are required|expected one argument")
"""What a sentence may leave out where it only mentions an option, as in `zonewright render --validate`."""


def commands(text: str) -> Iterator[tuple[list[str], bool]]:
    """Each `zonewright` command of a page, without what a shell does, and whether it is one of a block.

    Lines of a block are commands, or those after a prompt where it shows output too; of a sentence, those with options.
    """
    parts = re.split(r"^ *```(.*)\n", text, flags=re.MULTILINE)  # prose, language, block, what ends it, prose...
    blocks = list(zip(parts[1::4], parts[2::4], strict=True))
    lines = "\n".join(block for language, block in blocks if language in ("", "sh")).replace("\\\n", " ").splitlines()
    lines += re.findall(r"^ *\$ (zonewright .*)$", "\n".join(block for _, block in blocks), flags=re.MULTILINE)
    named = re.findall(r"`(zonewright [^`]+)`", "".join(parts[::4]))
    found = [(line.strip(), True) for line in lines] + [(" ".join(one.split()), False) for one in named if " --" in one]
    for line, is_whole in found:
        if line.startswith("zonewright "):
            words = shlex.split(line, comments=True)
            end = next((at for at, word in enumerate(words) if word in (">", "&", "|", "||", "&&")), None)
            yield words[1:end], is_whole


def test_each_command_of_a_page_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The parser of the command line takes each with the words that it has there."""
    whole, refused, seen = parser(), [], 0
    for page in PAGES:
        for words, is_whole in commands(page.read_text(encoding="utf-8")):
            seen += 1
            try:
                whole.parse_args(words)
            except SystemExit:
                said = capsys.readouterr().err
                if is_whole or not MENTION.search(said):
                    refused.append(f"{named(page)}: {' '.join(words)}: {said.strip().splitlines()[-1]}")
    assert refused == []
    assert seen > 150


def named(page: Path) -> str:
    """A page as people call it."""
    return page.relative_to(REPOSITORY).as_posix()


SHOWN = {
    "act-on-a-finding-of-a-meter.md": "tests/contract/test_corrections.py",
    "audit-a-change.md": "tests/contract/test_signed_telemetry.py",
    "back-up-a-ledger.md": "tests/contract/test_ledger_backup.py",
    "bring-in-a-facility.md": "tests/hosts/test_network_boot.py",
    "check-in-ci.md": "tests/contract/test_access_issuers.py",
    "configure-switches.md": "tests/unit/test_remediation.py",
    "cut-a-release.md": "tests/unit/test_release.py",
    "deploy-the-agents.md": "tests/hosts/test_fleet_cli.py",
    "find-a-place.md": "tests/unit/test_cli_answers.py",
    "import-a-node.md": "tests/engine/test_plain_import.py",
    "keep-readings-in-a-tsdb.md": "tests/contract/test_tsdb.py",
    "keep-secrets-out.md": "tests/unit/test_secrets.py",
    "meter-a-site-from-csv.md": "tests/engine/test_gate.py",
    "meter-a-site-live.md": "tests/contract/test_any_otlp.py",
    "meter-a-site-with-a-gateway.md": "tests/contract/test_gateway_run.py",
    "onboard-a-tenant.md": "tests/engine/test_access.py",
    "read-a-validators-verdict.md": "tests/unit/test_audit_validators.py",
    "read-a-verdict.md": "tests/contract/test_watch.py",
    "recover-a-stack.md": "tests/engine/test_recover.py",
    "review-a-difference.md": "tests/engine/test_demo.py",
    "run-many-nodes.md": "tests/engine/test_demo.py",
    "run-the-service.md": "tests/hosts/test_service_packaging.py",
    "see-what-runs-out.md": "tests/contract/test_ledger_forecast.py",
    "share-state-in-a-team.md": "tests/engine/test_state.py",
    "use-device-types.md": "tests/unit/test_declare_device_types.py",
    "use-the-policy-pack.md": "tests/engine/test_policy_pack.py",
    "what-grows.md": "tests/contract/test_retention.py",
    "write-a-rule.md": "tests/unit/test_own_rules.py",
}
"""Pages whose blocks name hosts, files or services of the reader's own. The parser takes them, and the test that stands
beside each page shows with other names what they do."""


def test_each_how_to_with_commands_is_run_or_marked() -> None:
    """A page with a block of commands is read by a test that runs it, or is listed with what shows the same."""
    pages = {one.name for one in (REPOSITORY / "docs" / "how-to").glob("*.md") if "```sh" in one.read_text("utf-8")}
    others = [one for one in (REPOSITORY / "tests").glob("*/*.py") if one != Path(__file__)]
    tests = "".join(one.read_text(encoding="utf-8") for one in others)
    run = {page for page in pages if re.search(rf'["/]{page}"', tests)}
    assert pages - run == SHOWN.keys(), "let a test run the commands of a new page, or say in SHOWN what shows the same"
    assert [one for one in SHOWN.values() if not (REPOSITORY / one).is_file()] == []
