"""The trial of a configuration on a host: switch, reload, check, wait to be confirmed, and else put back.

It runs apart from every connection, so that a host whose network the new files break comes back by itself. All space
that it needs is taken before the first rename, and the way back is renames only. Its state is one file, replaced whole
and on disk before the next step: version, word of the deployer, state, reason. Each step can be done again, so what was
cut off is finished by ``recover`` (the next deployer), ``guard`` (systemd or cron, see ``guard``) or ``boot`` (before
the network comes up; files only, since no service runs yet).
"""

from zonewright.fleet.configs.guard import GUARDS
from zonewright.fleet.configs.scripts import ALIVE, HEAD
from zonewright.fleet.scripting import Script
from zonewright.fleet.turn import TURN

_UPTIME = """\
up() { read -r now _ < /proc/uptime; printf '%s' "${now%%.*}"; }
"""

TRIAL = Script(
    "zonewright-trial",
    HEAD
    + ALIVE
    + _UPTIME
    + GUARDS
    + """\
mode=$1 keep=$2 id=$3 word=$4 within=$5 confirm=$6 reload=$7 check=$8
cd -- "$keep" || exit 1
name=${keep##*/}
tab=$(printf '\\t')
state() {
  printf '%s\\n' "$id" "$word" "$1" "$2" > .trial.new && sync -- .trial.new && mv -fT -- .trial.new trial && sync -- .
}
folders() { cut -f2 .list | sed 's|/[^/]*$|/|' | sort -u; }
said() { tail -n 1 .out | cut -c1-300; }
near() { number=$((number + 1)); near=${target%/*}/.zonewright-$name-$number; }

stage() {
  cp -- "$id/TARGETS" .list || return 1
  if [ -r current/TARGETS ]; then
    while IFS="$tab" read -r from target; do
      cut -f2 "$id/TARGETS" | grep -qxF -- "$target" || printf -- '-\\t%s\\n' "$target" >> .list
    done < current/TARGETS
  fi
  rm -rf .previous.new
  mkdir .previous.new && { readlink current || :; } > .previous.new/ID || return 1
  number=0
  while IFS="$tab" read -r from target; do
    near
    (umask 022 && mkdir -p -- "${target%/*}/") || return 1
    if [ -e "$target" ] || [ -L "$target" ]; then
      cp -pP -- "$target" "$near.old" && cp -pP -- "$target" ".previous.new/$number" || return 1
      printf '%s\\t%s\\n' "$number" "$target" >> .previous.new/TARGETS || return 1
    else
      printf -- '-\\t%s\\n' "$target" >> .previous.new/TARGETS || return 1
    fi
    if [ "$from" != - ]; then cp -pP -- "$id/$from" "$near.new" || return 1; fi
  done < .list
  sync -f . && folders | while IFS= read -r one; do sync -f "$one" || exit 1; done
}

# Renames are on disk before the state says that they are done.
settle() { folders | while IFS= read -r one; do [ ! -d "$one" ] || sync -- "$one"; done; }

drop() {
  number=0
  while IFS="$tab" read -r from target; do near; rm -f -- "$near.new" "$near.old"; done < .list
}

switch() {
  number=0
  while IFS="$tab" read -r from target; do
    near
    # With the time of the switch: a name server skips a zone file that is not newer than what it has loaded.
    if [ "$from" = - ]; then rm -f -- "$target" || return 1; continue; fi
    touch -h -- "$near.new" && mv -fT -- "$near.new" "$target" || return 1
  done < .list
  settle
}

restore() {
  number=0 bad=0
  while IFS="$tab" read -r from target; do
    near
    if [ -e "$near.old" ] || [ -L "$near.old" ]; then touch -h -- "$near.old"; mv -fT -- "$near.old" "$target" || bad=1
    elif grep -qxF -- "-$tab$target" .previous.new/TARGETS; then rm -f -- "$target" || bad=1
    fi
    rm -f -- "$near.new"
  done < .list
  settle
  return $bad
}

# What a reload writes is for the service, so it has the usual mask and not that of the trial's own files.
usual='umask 022
'
reload() { [ -z "$reload" ] || timeout -k 1 "$within" sh -c "$usual$reload" >.out 2>&1 </dev/null 9>&-; }

put_back() {
  why=$1
  trap '' HUP INT TERM
  state putting-back "$why"
  if ! restore; then state stuck "$why; and the files from before could not be put back"; exit 1; fi
  reload || why="$why; and the reload of the files from before failed: $(said)"
  state rolled-back "$why"
  rm -rf .previous.new .list
  disarm
  exit 0
}

keep_it() {
  drop
  link=$id
  if [ "$id" = previous ]; then link=$(cat previous/ID 2>/dev/null || readlink current); fi
  if [ -n "$link" ] && [ -d "$link" ]; then ln -sfn -- "$link" .current.new && mv -fT .current.new current
  else rm -f current
  fi
  # To what was just put back nobody should go back later.
  if [ "$id" = previous ]; then rm -rf previous .previous.new
  elif [ -d .previous.new ]; then rm -rf previous && mv -T .previous.new previous
  fi
  for one in */MANIFEST; do
    one=${one%/MANIFEST}
    case $one in current | "$link" | "$(cat previous/ID 2>/dev/null)") ;; *) rm -rf -- "$one" ;; esac
  done
  rm -rf .list .out confirm .new-* .check .check.out
  state kept ''
  disarm
  exit 0
}

if [ "$mode" != try ]; then
  umask 077
  exec 9>.lock
  flock 9
  if alive; then exit 0; fi
  was=$(sed -n 3p trial) id=$(sed -n 1p trial) word=$(sed -n 2p trial)
  case $mode,$was in
    boot,switching | boot,reloading | boot,checking | boot,waiting | boot,putting-back | boot,stuck)
      state putting-back 'the host was cut off in its trial'
      restore
      exit 0 ;;
    boot,*) exit 0 ;;
    *,started | *,staging)
      if [ -e .list ]; then drop; fi
      state rolled-back 'it was cut off before anything was switched' ;;
    *,switching | *,reloading | *,checking | *,waiting | *,putting-back | *,stuck) put_back 'its trial was cut off' ;;
    *,keeping) [ -e .list ] || : > .list; keep_it ;;
  esac
  disarm
  exit 0
fi

# A step whose state is not on disk is not taken: what comes after a cut would take it for one before.
unwritten='the state of its trial cannot be written'
give_up() {
  [ -e .list ] && drop
  rm -rf .previous.new
  state failed "$1"
  disarm
  exit 1
}

umask 077
echo $$ > pid
trap 'exit 1' HUP INT TERM
state staging '' || give_up "$unwritten"
stage 2>.out || give_up "the files cannot be written: $(said)"
trap 'put_back "its trial was ended by a signal"' HUP INT TERM
state switching '' || give_up "$unwritten"
switch 2>.out || put_back "a file cannot be switched: $(said)"
state reloading ''
code=0
reload || code=$?
if [ $code = 124 ] || [ $code = 137 ]; then put_back "the reload did not end within $within s"; fi
[ $code = 0 ] || put_back "the reload failed ($code): $(said)"
state checking ''
end=$(($(up) + within))
while :; do
  left=$((end - $(up)))
  if [ $left -lt 1 ]; then left=1; fi
  timeout -k 1 $left sh -c "$usual$check" >.out 2>&1 </dev/null && break
  if [ "$(up)" -ge $end ]; then put_back "the check did not pass within $within s: $(said)"; fi
  sleep 0.3
done
state waiting '' || put_back "$unwritten"
end=$(($(up) + confirm))
while [ "$(cat confirm 2>/dev/null)" != "$word" ]; do
  if [ "$(up)" -ge $end ]; then put_back "nobody confirmed it over a new connection within $confirm s"; fi
  sleep 0.1
done
trap '' HUP INT TERM
state keeping '' || put_back "$unwritten"
keep_it
""",
)

START = Script(
    "zonewright-start",
    HEAD
    + ALIVE
    + GUARDS
    + TURN
    + """\
set -u
keep=$1 text=$2 head=$3
shift 3
was=${9-}
turn "${10-}" "${11-}" "${12-0}"
umask 077
exec 9>"$keep/.lock"
flock 9
set -e
if alive; then echo "another trial of it is not over" >&2; exit 75; fi
case $(sed -n 3p "$keep/trial" 2>/dev/null || :) in
  '' | kept | rolled-back | failed) ;;
  *) echo "its last trial was cut off a moment ago; the next run repairs it" >&2; exit 75 ;;
esac
now=$(readlink "$keep/current" || :)
if [ -n "$was" ] && [ "$now" != "$was" ]; then
  echo "another run has changed it to ${now:-nothing} since, which is left as it is" >&2
  exit 75
fi
rm -f -- "$keep/confirm"
printf '%s%s' "$head" "$text" > "$keep/.guard.new"
mv -fT -- "$keep/.guard.new" "$keep/guard"
printf '%s\\n' "$3" "$4" started '' > "$keep/.trial.new"
mv -fT -- "$keep/.trial.new" "$keep/trial"
arm > "$keep/armed"
setsid sh -c "$text" zonewright-trial "$@" </dev/null >/dev/null 2>&1 9>&- &
echo $! > "$keep/pid"
cat -- "$keep/armed"
""",
)
"""Begins a trial apart from the connection, after its guard; prints what starts the guard.

Behind the arguments of the trial come the version that must be in force, or nothing, and what the turn is taken with.
"""

FOLLOW = Script(
    "zonewright-follow",
    HEAD
    + ALIVE
    + _UPTIME
    + """\
keep=$1 word=$2 seconds=$3 confirm=$4
umask 077
if [ "$confirm" = yes ]; then
  printf '%s\\n' "$word" > "$keep/.confirm.new" && mv -fT "$keep/.confirm.new" "$keep/confirm"
fi
end=$(($(up) + seconds))
while :; do
  alive && lives=yes || lives=no
  state=$(sed -n 3p "$keep/trial")
  if [ "$(sed -n 2p "$keep/trial")" != "$word" ]; then state=other; fi
  case $state in
    kept | rolled-back | failed | stuck | other) break ;;
    waiting) [ "$confirm" = yes ] || break ;;
  esac
  if [ $lives = no ]; then state=dead; break; fi
  if [ "$(up)" -ge $end ]; then break; fi
  sleep 0.1
done
printf '%s\\n' "$state"
sed -n 4p "$keep/trial"
""",
)
"""How a trial goes on, until it waits to be confirmed or is over; with ``yes`` it is confirmed."""

AGAIN = Script(
    "zonewright-again",
    HEAD
    + """\
timeout -k 1 "$1" sh -c "$2" </dev/null 2>&1
""",
)
"""The check command once more."""
