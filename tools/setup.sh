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

# CPU milliseconds of a small piece of work of a Python that can make .venv: the least of three, machines are shared.
pace() {
    "$1" -c '
import sys
if sys.version_info < (3, 11):
    sys.exit(1)
import ensurepip, time, venv
class Piece:
    def __init__(self, number): self.number = number
    def text(self): return str(self.number % 7)
def spent():
    begun = time.process_time()
    found = {}
    for number in range(30_000):
        found[number % 512] = len(Piece(number).text()) + number
    return time.process_time() - begun
print(max(1, round(1000 * min(spent(), spent(), spent()))))
' 2> /dev/null
}

# The first Python of PATH that will do, unless another needs less than 17/20 of its time: one that was built without
# optimisation, as pyenv does, needs a third more for all that the tests do.
choose() {
    python='' least=0
    set -f
    IFS=:
    for folder in $PATH; do
        for name in python3 python3.13 python3.12 python3.11; do
            if [ -x "$folder/$name" ] && took=$(pace "$folder/$name") &&
                { [ -z "$python" ] || [ $((took * 20)) -lt $((least * 17)) ]; }; then
                python=$folder/$name least=$took
            fi
        done
    done
    unset IFS
    set +f
}

if [ ! -x .venv/bin/python ]; then
    if [ -n "${PYTHON:-}" ]; then
        pace "$PYTHON" > /dev/null || fail "PYTHON=$PYTHON is no Python 3.11 or newer that can make .venv"
        python=$PYTHON
    else
        choose
    fi
    [ -n "$python" ] || fail "no Python 3.11 or newer that can make .venv is on PATH (tried python3, python3.13, \
python3.12, python3.11; on Debian and Ubuntu: apt install python3-venv); PYTHON=... names one"
    echo "setup: making .venv with $python, $("$python" --version)"
    "$python" -m venv .venv || fail "$python cannot make .venv; on Debian and Ubuntu: apt install python3-venv"
fi

echo "setup: installing the dependencies of requirements-dev.lock"
# In CI an environment with the same lock is kept from the run before.
[ -n "${CI:-}" ] && .venv/bin/python tools/kept_environment.py .venv ||
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock ||
    fail "pip could not install requirements-dev.lock; see above"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e . ||
    fail "pip could not install this checkout into .venv; see above"
digest .venv/bin/python > "$stamp"
