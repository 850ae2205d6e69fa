"""What a host says of an account that it lets in and runs nothing for, as sentences that tell what to do.

Measured with OpenSSH 9.2: a locked account (``!``) is answered as a wrong key is where the server checks it itself
(``UsePAM no``), and is let in with its key where PAM does (``UsePAM yes``). An account that PAM refuses (expired,
inactive, ``/etc/nologin``) has its connection closed right after the key was taken. An expired password lets the key
in, and every command ends with a warning instead.
"""

from zonewright.fleet.ssh.transport import CommandError, CompletedCommand

_SAID = {
    "password has expired": (
        "the account's password has expired, so no command runs for it; at the host's console, renew it with "
        "passwd, or switch expiry off with: chage -M -1 USER"
    ),
    "account is currently not available": (
        "the account's shell is nologin, so no command runs for it; at the host's console, set a shell "
        "with: chsh -s /bin/sh USER"
    ),
}
_SUDO = "account validation failure"


def runs_nothing(done: CompletedCommand) -> CommandError:
    """Why a host that let the user in did not run a script."""
    said = (done.stderr + done.stdout).decode("utf-8", "replace").strip()[-300:]
    known = next((why for words, why in _SAID.items() if words in said), "")
    what = known or (
        f"it says: {said}" if said else "it does not answer; check that the account's shell is a real shell"
    )
    return CommandError(f"the host accepts the login but runs no command: {what}", code=done.code, output=said)


def sudo_refusal(said: str, user: str) -> str:
    """What sudo finds wrong with the account itself, as a sentence; empty where it is something else."""
    if _SUDO not in said:
        return ""
    return (
        f"sudo refuses the account of {user}: it is locked, expired or inactive; check at the host's console "
        f"with: passwd -S {user}, and chage -l {user}"
    )
