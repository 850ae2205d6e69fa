"""Whose turn it is to change a host: kept on the host itself, for whoever may log in, whatever file or ledger names it.

The ledger's lock is for a fleet. Two fleets may name one host, also in two ledgers; so the first script of a change
takes the host's turn, for the operator of the fleet. It ends by itself, after the time that the host may take.
"""

TURN = """\
turn() {
  [ -n "$1" ] || return 0
  if [ "$(id -u)" = 0 ]; then place=/run/zonewright; else place=$HOME/.zonewright; fi
  (umask 077 && mkdir -p -- "$place")
  exec 8>"$place/turn.lock"
  flock 8
  read -r boot < /proc/sys/kernel/random/boot_id
  read -r now _ < /proc/uptime
  now=${now%%.*} of='' ends=0 holder='' person=''
  { read -r of && read -r ends && read -r holder && read -r person; } 2>/dev/null < "$place/turn" || :
  if [ "$of" = "$boot" ] && [ "$ends" -gt "$now" ] && [ "$holder" != "$1" ]; then
    echo "$person of $holder changes this host now; wait $((ends - now)) s" >&2
    exit 75
  fi
  printf '%s\\n' "$boot" "$((now + $3))" "$1" "$2" > "$place/.turn.new"
  mv -fT -- "$place/.turn.new" "$place/turn"
  exec 8>&-
}
"""
"""A shell function: takes the turn for an operator, a person and so many seconds, or ends the script with 75."""


def turn_arguments(holder: str, who: str, seconds: float) -> tuple[str, str, str]:
    """What the function is given.

    Args:
        holder: the operator; empty takes no turn.
        who: the person, for the one who is told to wait.
        seconds: for how long.
    """
    return holder, " ".join(who.split()) or "somebody", f"{seconds:.0f}"
