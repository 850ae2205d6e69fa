"""What runs on a host to install a configuration: POSIX shell with coreutils and util-linux, as ``scripts``.

A version is unpacked beside the others, hashed, and gets its name at the end; then the format's own program reads it.
"""

from zonewright.fleet.scripting import Script
from zonewright.fleet.turn import TURN

HEAD = 'export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"\n'
ALIVE = """\
alive() {
  pid=$(cat "$keep/pid" 2>/dev/null) || return 1
  kill -0 "$pid" 2>/dev/null || [ -d "/proc/$pid" ] || return 1
  tr '\\0' ' ' < "/proc/$pid/cmdline" 2>/dev/null | grep -q zonewright-trial
}
"""

PROBE = Script(
    "zonewright-configuration",
    HEAD
    + ALIVE
    + """\
keep=$1
shift
tab=$(printf '\\t')
say() { printf '%s=%s\\n' "$1" "$2"; }
hashed() {
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then printf -
  elif [ ! -f "$1" ]; then printf other
  else sum=$(sha256sum < "$1" 2>/dev/null) && printf '%s' "${sum%% *}" || printf unreadable
  fi
}
say current "$(readlink "$keep/current" 2>/dev/null)"
for one in "$keep"/*/MANIFEST; do [ -e "$one" ] && { one=${one%/MANIFEST}; say version "${one##*/}"; }; done
if [ -r "$keep/previous/ID" ]; then say previous "$(cat "$keep/previous/ID")"; fi
if [ -e "$keep/trial" ]; then
  say trial "$(sed -n 3p "$keep/trial")"
  alive && say alive yes
fi
access() { stat -Lc '%a %U:%G' -- "$1" 2>/dev/null; }
for target in "$@"; do say file "$(hashed "$target")$tab$target"; say access "$(access "$target")$tab$target"; done
if [ -r "$keep/current/TARGETS" ]; then
  while IFS="$tab" read -r from target; do say placed "$(hashed "$target")$tab$target"; done < "$keep/current/TARGETS"
fi
say end yes
""",
)

READ = Script(
    "zonewright-read",
    HEAD
    + """\
for one in "$@"; do [ -f "$one" ] && printf '%s=%s\\n' "$one" "$(base64 -w0 < "$one")"; done
exit 0
""",
)

INSTALL = Script(
    "zonewright-version",
    HEAD
    + TURN
    + """\
set -eu
keep=$1 id=$2 hash=$3 owner=$4 mode=$5
umask 077
turn "$6" "$7" "$8"
trap '' PIPE
trap 'exit 1' HUP INT TERM
new=$keep/.new-$id
trap 'rm -rf -- "$new"' EXIT
mkdir -p -- "$keep"
rm -rf -- "$new"
mkdir -- "$new"
cat > "$new/archive"
found=$(sha256sum < "$new/archive")
if [ "${found%% *}" != "$hash" ]; then echo "other bytes arrived than were sent" >&2; exit 65; fi
tar -xf "$new/archive" -C "$new"
rm -f -- "$new/archive"
cd -- "$new"
sha256sum -c MANIFEST > /dev/null
find root -type f -exec chmod "$mode" {} +
if [ -n "$owner" ]; then find root -type f -exec chown "$owner" {} +; fi
sync -f .
rm -rf -- "$keep/$id"
mv -T -- "$new" "$keep/$id"
""",
)

VALIDATE = Script(
    "zonewright-validate",
    HEAD
    + """\
keep=$1 id=$2 network=$3 seconds=$4 program=$5
shift 5
if ! command -v "$program" >/dev/null; then echo absent; exit 0; fi
work=$keep/.check
trap 'rm -rf -- "$work" "$work.out"' EXIT
rm -rf -- "$work"
mkdir -- "$work" && cp -R -- "$keep/$id/root/." "$work/" && tar -xf - -C "$work" || exit 1
before=
if [ "$network" = own ]; then
  before='unshare --net --'
  if [ "$(id -u)" != 0 ]; then before='unshare --user --map-root-user --net --'; fi
fi
code=0
timeout -k 1 "$seconds" $before "$program" "$@" </dev/null >"$work.out" 2>&1 || code=$?
echo "$code"
head -c 65536 "$work.out"
""",
)
"""The format's own program on a copy of the version; prints its exit code, or ``absent``, and what it said."""
