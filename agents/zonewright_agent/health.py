"""The report of health after a start: what runs and which sources give readings, signed by the host's own key.

The key was made on the host by ``ssh-keygen`` and never leaves it; ``ssh-keygen -Y sign`` signs with it, so nothing but
OpenSSH is needed, which every host that is deployed over SSH has.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

from zonewright_agent.configuration import parts_of
from zonewright_agent.posting import Connection

NAMESPACE = "zonewright-health"
_TIMEOUT_S = 20
_OK = 200
_MOST_BYTES, _MOST_ID = 4096, 64


def document(*, agent: str, version: str, boot_id: str, faults: dict[str, str]) -> dict[str, Any]:
    """What is reported.

    Args:
        agent: id of the agent.
        version: its version.
        boot_id: boot of the host.
        faults: by source what is wrong with it, empty where it gives readings.
    """
    return {
        "agent": agent,
        "version": version,
        "release": release_of(sys.argv[0]),
        "boot": boot_id,
        "pid": os.getpid(),
        "sources": faults,
        "time_ns": str(time.time_ns()),
    }


def release_of(program: str | os.PathLike[str]) -> str:
    """The release that a program belongs to: the folder that it really lies in."""
    return os.path.basename(os.path.dirname(os.path.realpath(program)))


def sign(report: dict[str, Any], key_file: str | os.PathLike[str]) -> bytes:
    """The report as it is sent: its exact text and the signature over that text.

    Raises:
        OSError: when ssh-keygen is missing or the key cannot be read.
    """
    text = json.dumps(report, sort_keys=True, separators=(",", ":"))
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", os.fspath(key_file), "-n", NAMESPACE]
    try:
        done = subprocess.run(  # noqa: S603 - OpenSSH's own program, fixed arguments
            command, input=text.encode(), capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise OSError("ssh-keygen did not finish in time") from None
    if done.returncode != 0:
        raise OSError(f"ssh-keygen cannot sign: {done.stderr.decode(errors='replace').strip()[-200:]}")
    return json.dumps({"report": text, "signature": done.stdout.decode("ascii")}).encode()


def send(body: bytes, *, url: str, token: str, timeout_s: float) -> str:
    """Give it to the service, beside the metrics; gives the id of the ledger that the service says it is of.

    Raises:
        OSError: when it was not taken.
    """
    connection = Connection(url, timeout_s)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    path = parts_of(url)[3].partition("?")[0].rpartition("/")[0] + "/agent-health"
    answer = connection.post(path, body, headers, max_bytes=_MOST_BYTES)
    connection.close()
    if answer.status != _OK:
        raise OSError(f"the service answered {answer.status} {answer.reason}")
    try:
        return str(json.loads(answer.body).get("ledger", ""))[:_MOST_ID]
    except (ValueError, AttributeError, RecursionError):  # a service of before says nothing of it
        return ""
