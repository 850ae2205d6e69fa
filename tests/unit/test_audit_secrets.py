"""Planted secrets are found wherever they stand, and never repeated; what is no secret is left alone."""

import base64
import secrets
from pathlib import Path

import pytest

from support.changes import rich_bundle
from support.second_opinion import verified
from support.zone_project import REPOSITORY
from zonewright.audit.evidence.contents import read_contents
from zonewright.audit.evidence.scanning import scanned
from zonewright.audit.report.html import report_html
from zonewright.audit.report.report import report_of
from zonewright.audit.report.text import report_markdown
from zonewright.model.secret_scan import suspicions

pytestmark = pytest.mark.slow

PEM = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n-----END OPENSSH PRIVATE KEY-----"
)
RANDOM = secrets.token_urlsafe(32) + "Aa1"
PLANTED = {
    "a value": 'password: "hunter2hunter2"',
    "a nested value": '{"site":{"auth":{"api_key":"s3cr3tvalue"}}}',
    "a token in a title": "title: token=abcd1234efgh",
    "several lines": f"key: |\n  {PEM.replace(chr(10), chr(10) + '  ')}",
    "a URL": "remote: https://deploy:Tr0ub4dor@git.example/x.git",
    "a URL without a user": "db: postgres://:pw123456@db/x",
    "base64": f"data: {base64.b64encode(b'password=hunter2hunter2').decode()}",
    "base64 of base64": f"data: {base64.b64encode(base64.b64encode(PEM.encode())).decode()}",
    "a random word": f"title: {RANDOM}",
    "random hexadecimal digits": f"title: {secrets.token_hex(32)}",
    "a header": "Authorization: Bearer abcdefghijklmnopqrstuv",
    "a hash of a password": "root:$6$rounds=5000$saltsalt$abcdefghijklmnop:0",
    "a JSON web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "a router's line": " neighbor 10.79.0.12 password Tr0ub4dor",
    "a key of a name server": '    secret "c2VjcmV0LXRzaWcta2V5LTEyMzQ1Ng==";',
    "a password in base64 in a URL": f"https://x.example/?q={base64.b64encode(b'https://me:Tr0ub4dor@x').decode()}",
    "a cloud key": "id: AKIAIOSFODNN7EXAMPLE",
}
HARMLESS = (
    'password: "ref+vault://zone/tenant#/password"',
    '"links/l07.password": "network-carrier-a.yaml:64"',
    " neighbor 10.79.0.12 password ref+vault://network/l07#/bgp",
    "password {{ item.password | secret }}",
    "token_file: /etc/zonewright/token",
    f"digest: sha256:{'ab12' * 16}",
    'keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ9iC0xkZ0w5o4lq6m8t4v1Xy2Zb3Nc4Md5Le6Kf7Jg"]',
    "dnskey: 257 3 13 29Lz00vuv3cSHvKW066mJWJCieHctYuL1NvHTfAiKVeUoWu+fldi0Os+ iQq8Ju00WH5SEz7bgJ4+NEs7ODj7nw==",
    "rack: qp-dc1/b/16/05-and-a-rather-long-name-of-a-rack-0001",
    "https://example.org/a/long/path/without/any/password-in-it-2026",
    "reference: GB/T 22239-2019, NDRC letter Fa Gai Gao Ji [2022] No. 211",
)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_secret_is_found_and_not_repeated(name: str) -> None:
    """It is named by its place and kind; its text does not come back."""
    text = f"first: line\n{PLANTED[name]}\n"
    found = suspicions({"tenant.yaml": text})
    assert found
    assert found[0].line == (3 if name == "several lines" else 2)
    for word in ("hunter2", "s3cr3t", "abcd1234", "Tr0ub4dor", RANDOM, "b3Blbn"):
        assert word not in " ".join(map(str, found))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    """References, digests, public keys, paths and titles are nothing to be found."""
    assert suspicions({"x": text}) == ()


def test_nothing_is_found_in_real_bundles_reports_and_zones(tmp_path: Path) -> None:
    """The reference zone, a rich bundle of it and its reports hold nothing that looks like a secret."""
    zones = REPOSITORY / "stacks" / "zones"
    assert suspicions({str(path): path.read_text(encoding="utf-8") for path in zones.rglob("*.yaml")}) == ()
    files = rich_bundle(tmp_path)
    contents = read_contents(files)
    assert scanned(contents) == ()
    report = report_of(contents, verified(files))
    assert suspicions({"report.html": report_html(report), "report.md": report_markdown(report)}) == ()


def test_a_secret_in_a_bundle_is_a_wrong_check(tmp_path: Path) -> None:
    """A reason with a password is found by verification too."""
    checks = verified(rich_bundle(tmp_path, reason="password=hunter2hunter2"))
    (told,) = [check for check in checks if check.name == "secrets"]
    assert (told.verdict, told.detail) == ("wrong", "plan.json:1: a password or token")
