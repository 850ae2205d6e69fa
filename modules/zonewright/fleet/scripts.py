"""What runs on a host: POSIX shell with coreutils, one script for each step, each safe to run again.

A script is started as ``sh -c TEXT NAME ARGUMENTS``; its name says in the host's process list whose it is. Nothing is
written into a folder that is in use: a release is built beside the others and gets its name at the end, and the one
switch is a rename of a link. So a kill at any moment leaves the old release or the new one, whole.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Script:
    """One script.

    Attributes:
        name: what it is called on the host.
        text: its text.
    """

    name: str
    text: str

    def command(self, *arguments: str) -> list[str]:
        """The command that runs it."""
        return ["sh", "-c", self.text, self.name, *arguments]


PROBE = Script(
    "zonewright-probe",
    """\
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
prefix=$1 secrets=$2 services=$3 unit=$4
say() { printf '%s=%s\\n' "$1" "$2"; }
machine=$(uname -m)
say machine "$machine"
say clock "$(date +%s)"
python=$(command -v python3) && say python "$python"
real=$(readlink -f "$python" 2>/dev/null)
case $real in
  *python3.*) say python_version "${real##*python}" ;;
  ?*) say python_version "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" ;;
esac
for one in /lib/ld-musl-*; do [ -e "$one" ] && say libc musl; done
for one in /sys/class/powercap/*/energy_uj; do [ -e "$one" ] && { say rapl yes; break; }; done
if [ -d /run/systemd/system ]; then say supervisor systemd
elif command -v sv >/dev/null && command -v runsvdir >/dev/null; then say supervisor runit
fi
above=$prefix
while [ ! -d "$above" ]; do above=$(dirname -- "$above"); done
say free_kb "$(df -Pk -- "$above" | awk 'NR == 2 { print $4 }')"
current=$(readlink "$prefix/current" 2>/dev/null)
say current "$current"
if [ -d "$prefix" ]; then
  for one in $(ls -1t -- "$prefix"); do
    [ "$one" != current ] && [ -e "$prefix/$one/MANIFEST" ] && say release "$one"
  done
fi
if [ -n "$current" ] && cd -- "$prefix/$current" 2>/dev/null; then
  say damaged "$(sha256sum --quiet -c MANIFEST 2>&1 | sed -n 's/: FAILED.*//p' | tr '\\n' ' ')"
  [ -e PROVEN ] && say proven yes
fi
if [ -r "/etc/systemd/system/$unit" ]; then hash=$(sha256sum < "/etc/systemd/system/$unit"); say unit "${hash%% *}"; fi
[ -r "$secrets/agent_key.pub" ] && say key "$(cut -d' ' -f1,2 < "$secrets/agent_key.pub")"
[ -s "$secrets/agent_key" ] && say private_key yes
if [ -r "$secrets/token" ]; then hash=$(sha256sum < "$secrets/token"); say token "${hash%% *}"; fi
if [ -d /run/systemd/system ] && [ -e "/etc/systemd/system/$unit" ]; then say active "$(systemctl is-active "$unit")"
elif [ -e "$services/zonewright-agent/supervise/ok" ]; then
  case $(sv status "$services/zonewright-agent" 2>/dev/null) in run:*) say active active ;; *) say active down ;; esac
fi
say end yes
""",
)

TEXTS = Script(
    "zonewright-texts",
    """\
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
cd -- "$1/current" || exit 0
shift
for one in "$@"; do [ -e "$one" ] && printf '%s=%s\\n' "$one" "$(base64 -w0 < "$one")"; done
exit 0
""",
)

PREPARE = Script(
    "zonewright-prepare",
    """\
set -eu
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
prefix=$1 secrets=$2 spool=$3 user=$4 name=$5
umask 022
if [ -n "$user" ] && ! id -u "$user" >/dev/null 2>&1; then
  useradd --system --user-group --no-create-home --home-dir / --shell /usr/sbin/nologin "$user"
fi
mkdir -p -- "$prefix" "$secrets"
umask 077
mkdir -p -- "$spool"
if [ ! -s "$secrets/agent_key" ] || [ ! -s "$secrets/agent_key.pub" ]; then
  rm -f -- "$secrets/agent_key" "$secrets/agent_key.pub" "$secrets/.new" "$secrets/.new.pub"
  ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$secrets/.new"
  mv -f -- "$secrets/.new.pub" "$secrets/agent_key.pub"
  mv -f -- "$secrets/.new" "$secrets/agent_key"
fi
if [ -n "$user" ]; then
  chown "$user" "$secrets/agent_key" "$secrets/agent_key.pub"
  chown -R "$user" "$(dirname -- "$spool")"
fi
printf 'key=%s\\n' "$(cut -d' ' -f1,2 < "$secrets/agent_key.pub")"
if [ -s "$secrets/token" ]; then printf 'token=%s\\n' "$(cat "$secrets/token")"; fi
""",
)

INSTALL = Script(
    "zonewright-install",
    """\
set -eu
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
prefix=$1 id=$2 hash=$3 python=$4 check=$5
umask 022
trap '' PIPE
trap 'exit 1' HUP INT TERM
new=$prefix/.new-$id
trap 'rm -rf -- "$new"' EXIT
rm -rf -- "$new"
mkdir -- "$new"
cat > "$new/archive"
found=$(sha256sum < "$new/archive")
if [ "${found%% *}" != "$hash" ]; then echo "other bytes arrived than were sent" >&2; exit 65; fi
tar -xf "$new/archive" -C "$new"
rm -f -- "$new/archive"
cd -- "$new"
sha256sum --quiet -c MANIFEST
"$python" -c "$check" >&2
sync -f .
if [ -e "$prefix/$id" ]; then mv -T -- "$prefix/$id" "$prefix/.new-old-$id"; fi
mv -T -- "$new" "$prefix/$id"
rm -rf -- "$prefix/.new-old-$id"
""",
)

CHECK = """\
import runpy
import sys

sys.path.insert(0, "lib")
with open("agent.toml") as file:
    needs_psutil = any(line.startswith("sources") and '"host"' in line for line in file)
if needs_psutil:
    try:
        import psutil
    except Exception as error:
        sys.exit("psutil does not work here: %s" % error)
sys.argv = ["agent.pyz", "--check-config", "--config", "agent.toml"]
runpy.run_path("agent.pyz", run_name="__main__")
"""
"""Run on the host before a release gets its name: its library loads there, and its program takes its settings."""

SWITCH = Script(
    "zonewright-switch",
    """\
set -eu
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
prefix=$1 id=$2 supervisor=$3 services=$4 unit=$5
[ -e "$prefix/$id/MANIFEST" ]
date +%s%N
if [ "$supervisor" = systemd ]; then
  cp -- "$prefix/$id/$unit" "/etc/systemd/system/.$unit.new"
  mv -fT -- "/etc/systemd/system/.$unit.new" "/etc/systemd/system/$unit"
fi
ln -sfn -- "$id" "$prefix/.current.new"
mv -fT -- "$prefix/.current.new" "$prefix/current"
if [ "$supervisor" = systemd ]; then
  systemctl daemon-reload
  systemctl enable -q "$unit"
  systemctl reset-failed "$unit" 2>/dev/null || :
  systemctl restart "$unit"
else
  service=$services/zonewright-agent
  if [ ! -e "$service/run" ]; then
    rm -rf -- "$prefix/.service.new"
    mkdir -p -- "$services" "$prefix/.service.new"
    ln -s -- "$prefix/current/run" "$prefix/.service.new/run"
    rm -rf -- "$service"
    mv -T -- "$prefix/.service.new" "$service"
  fi
  tries=0
  while [ ! -p "$service/supervise/ok" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 150 ]; then echo "no runsvdir watches $services" >&2; exit 67; fi
    sleep 0.1
  done
  rm -f -- "$service/down"
  sv -w 5 restart "$service" >/dev/null 2>&1 || :  # whether it stays up is seen by its report
fi
""",
)

STATUS = Script(
    "zonewright-status",
    """\
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
supervisor=$1 services=$2 unit=$3
if [ "$supervisor" = systemd ]; then
  printf '%s\\n' "$(systemctl is-active "$unit")"
  systemctl show -p NRestarts --value "$unit"
else
  sv status "$services/zonewright-agent"
fi
""",
)

LOG = Script(
    "zonewright-log",
    """\
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
supervisor=$1 unit=$2
if [ "$supervisor" = systemd ]; then journalctl -q -n 5 -o cat -u "$unit"; fi
""",
)

ACCEPT = Script(
    "zonewright-accept",
    """\
set -eu
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
prefix=$1 id=$2 previous=$3
: > "$prefix/$id/PROVEN"
cd -- "$prefix"
for one in $(ls -1A); do
  case $one in
    current | "$id" | "$previous") ;;
    .new-* | .service.new | .service.old | .current.new | .zonewright-*.new) rm -rf -- "$one" ;;
    *) if [ -e "$one/MANIFEST" ]; then mv -T -- "$one" ".new-gone-$one"; rm -rf -- ".new-gone-$one"; fi ;;
  esac
done
""",
)

REMOVE = Script(
    "zonewright-remove",
    """\
set -eu
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
prefix=$1 secrets=$2 spool=$3 supervisor=$4 services=$5 unit=$6 all=$7
service=$services/zonewright-agent
if [ "$supervisor" = systemd ]; then
  if [ -e "/etc/systemd/system/$unit" ]; then
    systemctl disable -q --now "$unit"
    rm -f -- "/etc/systemd/system/$unit"
    systemctl daemon-reload
  fi
elif [ -d "$service" ]; then
  # Out of the watched folder first, so that nobody starts it anew while it ends.
  old=$prefix/.service.old
  rm -rf -- "$old"
  mv -T -- "$service" "$old"
  sv -w 5 force-stop "$old" >/dev/null 2>&1 || :
  sv exit "$old" >/dev/null 2>&1 || :
  tries=0
  until rm -rf -- "$old" 2>/dev/null; do
    tries=$((tries + 1))
    if [ $tries -gt 50 ]; then break; fi
    sleep 0.1
  done
fi
rm -f -- "$prefix/current"
if [ "$all" = yes ]; then rm -rf -- "$prefix" "$secrets" "$(dirname -- "$spool")"; fi
""",
)
