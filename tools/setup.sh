#!/bin/sh
# Makes .venv with the locked dependencies and this checkout in it. Quick when that is done: a stamp in .venv keeps the
# digest of what it was made from. Run by `make setup`, from the repository's root.
set -eu

fail() {
    echo "error: $1" >&2
    exit 1
}

digest() {
    cat requirements-dev.lock pyproject.toml tools/setup.sh | "$1" -c \
        'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

stamp=.venv/.zonewright-setup
if [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(digest .venv/bin/python)" ]; then
    exit 0
fi

if [ ! -x .venv/bin/python ]; then
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    [ -n "${python:-}" ] || fail "no Python 3.11 or newer is on PATH (tried python3, python3.13, python3.12, python3.11)"
    echo "setup: making .venv with $("$python" --version)"
    "$python" -m venv .venv || fail "$python cannot make .venv; on Debian and Ubuntu: apt install python3-venv"
fi

echo "setup: installing the dependencies of requirements-dev.lock"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock ||
    fail "pip could not install requirements-dev.lock; see above"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e . ||
    fail "pip could not install this checkout into .venv; see above"
digest .venv/bin/python > "$stamp"
