"""What runs on a host: POSIX shell with coreutils, one script for each step, each safe to run again.

A script is started as ``sh -c TEXT NAME ARGUMENTS``; its name says in the host's process list whose it is. Nothing is
written into a folder that is in use: a release is built beside the others and gets its name at the end, and the one
switch is a rename of a link. So a kill at any moment leaves the old release or the new one, whole.
"""

from zonewright.fleet.scripting import Script
from zonewright.fleet.turn import TURN

PROBE = Script(
    "zonewright-probe",
    """\
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
prefix=$1 secrets=$2 services=$3 unit=$4 token=$5 spool=$6
say() { printf '%s=%s\\n' "$1" "$2"; }
{ read -r machine < /proc/sys/kernel/arch; } 2>/dev/null || machine=$(uname -m)
say machine "$machine"
python=
IFS=:
for one in $PATH; do if [ -f "$one/python3" ] && [ -x "$one/python3" ]; then python=$one/python3; break; fi; done
unset IFS
if [ -n "$python" ]; then
  say python "$python"
  version=
  for one in "$python".*; do  # a link to one with its version in the name, nearly everywhere; not all to one
    case ${one##*python3.} in *[!0-9]*) ;; *) [ "$one" -ef "$python" ] && version=$version${one##*python} ;; esac
  done 2>/dev/null
  case $version in *.*.*) version= ;; esac
  say python_version "${version:-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)}"
fi
current=
if [ -L "$prefix/current" ]; then
  if cd -P -- "$prefix/current" 2>/dev/null; then current=${PWD##*/}; else current=$(readlink "$prefix/current"); fi
fi
for one in /lib/ld-musl-*; do [ -e "$one" ] && say libc musl; done
for one in /sys/class/powercap/*/energy_uj; do [ -e "$one" ] && { say rapl yes; break; }; done
for one in /sys/class/hwmon/*/name; do
  { read -r name < "$one"; } 2>/dev/null && [ "$name" = amdgpu ] && { say amdgpu yes; break; }
done
[ -e /dev/nvidiactl ] && say nvml yes
if [ -d /run/systemd/system ]; then say supervisor systemd
elif command -v sv >/dev/null && command -v runsvdir >/dev/null; then say supervisor runit
fi
say current "$current"
set --
for one in "$prefix"/*; do if [ ! -L "$one" ] && [ -e "$one/MANIFEST" ]; then set -- "$@" "$one"; fi; done
while [ $# -gt 0 ]; do
  newest=$1
  for one; do if [ "$one" -nt "$newest" ]; then newest=$one; fi; done
  say release "${newest##*/}"
  [ ! -e "$newest/PROVEN" ] || say healthy "${newest##*/}"
  for one; do shift; [ "$one" = "$newest" ] || set -- "$@" "$one"; done
done
lists=
if [ -n "$current" ] && cd -- "$prefix/$current" 2>/dev/null; then
  lists=MANIFEST
  [ -e COMPILED ] && lists="MANIFEST COMPILED"
  [ -e PROVEN ] && say proven yes
fi
said= code=0
if [ -n "$lists$token" ]; then
  said=$(sha256sum -c $lists ${token:+-} 2>&1 <<END
$token  $secrets/token
END
  ) || code=$?
fi
case $token,$code,$said in  # only what was said counts, so that a program that fails otherwise proves nothing
  ,*) ;;
  *,0,*) say token "$token" ;;
  *,1,*"$secrets/token: FAILED"*) ;;
  *,1,*": FAILED"*) say token "$token" ;;
esac
case $code,$said in 0,* | *": FAILED"*) ;; *) [ -z "$lists" ] || said="MANIFEST: FAILED" ;; esac
[ -n "$said" ] && said=$(printf '%s\\n' "$said" | sed -n '/^\\//d; s/: FAILED.*//p' | tr '\\n' ' ')
say damaged "$said"
if [ -e "/etc/systemd/system/$unit" ]; then
  read -r hash _ <<END
$(sha256sum < "/etc/systemd/system/$unit")
END
  say unit "$hash"
fi
[ -r "$secrets/agent_key.pub" ] && read -r kind key _ < "$secrets/agent_key.pub" && say key "$kind $key"
[ -s "$secrets/agent_key" ] && say private_key yes
if [ -d /run/systemd/system ] && [ -e "/etc/systemd/system/$unit" ]; then say active "$(systemctl is-active "$unit")"
elif [ -e "$services/zonewright-agent/supervise/ok" ]; then
  case $(sv status "$services/zonewright-agent" 2>/dev/null) in run:*) say active active ;; *) say active down ;; esac
fi
if [ -r "$spool/sources" ]; then
  while read -r name word; do if [ "$word" = up ]; then say source "$name"; fi; done < "$spool/sources"
fi
say end yes
""",
)
"""Most of its time is the start of programs, so what the shell can do itself it does itself."""

MEASURE = Script(
    "zonewright-measure",
    """\
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
above=$1
while [ ! -d "${above:-/}" ]; do above=${above%/*}; done
while read -r _ _ _ free _; do free_kb=$free; done <<END
$(df -Pk -- "${above:-/}")
END
printf 'free_kb=%s\\nclock=%s\\n' "$free_kb" "$(date +%s)"
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
    TURN
    + """\
set -eu
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
prefix=$1 secrets=$2 spool=$3 user=$4 name=$5
turn "$6" "$7" "$8"
umask 022
if [ -n "$user" ] && ! id -u "$user" >/dev/null 2>&1; then
  useradd --system --user-group --no-create-home --home-dir / --shell /usr/sbin/nologin "$user"
fi
[ -d "$prefix" ] && [ -d "$secrets" ] || mkdir -p -- "$prefix" "$secrets"
umask 077
[ -d "$spool" ] || mkdir -p -- "$spool"
if [ ! -s "$secrets/agent_key" ] || [ ! -s "$secrets/agent_key.pub" ]; then
  rm -f -- "$secrets/agent_key" "$secrets/agent_key.pub" "$secrets/.new" "$secrets/.new.pub"
  ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$secrets/.new"
  mv -f -- "$secrets/.new.pub" "$secrets/agent_key.pub"
  mv -f -- "$secrets/.new" "$secrets/agent_key"
fi
if [ -n "$user" ]; then
  chown "$user" "$secrets/agent_key" "$secrets/agent_key.pub"
  chown -R "$user" "${spool%/*}"
fi
read -r kind key _ < "$secrets/agent_key.pub"
printf 'key=%s %s\\n' "$kind" "$key"
token=
[ ! -s "$secrets/token" ] || read -r token < "$secrets/token" || :  # its line has no end
[ -z "$token" ] || printf 'token=%s\\n' "$token"
""",
)

INSTALL = Script(
    "zonewright-install",
    """\
set -eu
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
prefix=$1 id=$2 lists=$3 python=$4 check=$5
umask 022
trap '' PIPE
trap 'exit 1' HUP INT TERM
new=$prefix/.new-$id
trap 'rm -rf -- "$new"' EXIT
[ ! -e "$new" ] || rm -rf -- "$new"
mkdir -- "$new"
cd -- "$new"
tar -xf -
compiled=
[ ! -e COMPILED ] || compiled=COMPILED
if ! sha256sum -c - MANIFEST $compiled > /dev/null <<END
$lists
END
then echo "other bytes arrived than were sent" >&2; exit 65; fi
"$python" -IS -c "$check" >&2
sync -f .
if [ -e "$prefix/$id" ]; then mv -T -- "$prefix/$id" "$prefix/.new-old-$id"; fi
mv -T -- "$new" "$prefix/$id"
trap - EXIT
[ ! -e "$prefix/.new-old-$id" ] || rm -rf -- "$prefix/.new-old-$id"
""",
)
"""The archive is unpacked as it comes. ``lists`` are the hashes of the lists of hashes, so each byte is hashed once."""

CHECK = """\
import gc

gc.disable()

import os
import sys
import zipimport

sys.path[:0] = ["agent.pyz"]
with open("agent.toml") as file:
    needs_psutil = any(line.startswith("sources") and '"host"' in line for line in file)
if needs_psutil:
    try:
        if os.path.isdir("lib"):
            package = type(sys)("psutil")
            package.__path__ = ["lib/psutil"]
            sys.modules["psutil"] = package
            import psutil._psutil_linux
        else:
            import site

            site.main()
            import psutil
    except Exception as error:
        sys.exit("psutil does not work here: %s" % error)
sys.argv = ["agent.pyz", "--check-config", "--config", "agent.toml"]
main = zipimport.zipimporter("agent.pyz").get_code("__main__")
exec(main, {"__name__": "__main__", "__file__": "agent.pyz/__main__.py"})
"""
"""Run on the host before a release gets its name: its library fits the machine, and its program takes its settings.

Of the library that comes along this loads the part that was made for one architecture and C library; all of it takes
twice as long, on every host, and whether it gives readings is what the report of health says before a release counts.
``runpy`` would do the same as the last lines with twice as many modules.
"""

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
  # A service that is new is started once: a restart would end the agent that has just given its report.
  tries=0 verb=restart
  while [ ! -p "$service/supervise/ok" ]; do
    tries=$((tries + 1)) verb=start
    if [ $tries -gt 150 ]; then echo "no runsvdir watches $services" >&2; exit 67; fi
    sleep 0.1
  done
  [ ! -e "$service/down" ] || rm -f -- "$service/down"
  sv -w 5 $verb "$service" >/dev/null 2>&1 || :  # whether it stays up is seen by its report
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
  systemctl show -p NRestarts -p MainPID "$unit"
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
for one in * .[!.]*; do
  case $one in
    "*" | ".[!.]*" | current | "$id" | "$previous") ;;
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
  # Out of the watched folder first, so that nobody starts it again while it ends.
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
if [ "$all" = yes ]; then rm -rf -- "$prefix" "$secrets" "${spool%/*}"; fi
""",
)
