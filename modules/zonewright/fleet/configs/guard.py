"""What puts a configuration back although its trial was killed, or the host lost power: a unit and a timer, or cron.

The guard is the trial's own text in a file beside the versions, with the trial's arguments. systemd or cron starts it
from outside, again and again while a trial is going on, and when the host comes up. It leaves a trial that
lives alone. ``arm`` gives the word of what starts it: without systemd and cron ``none``, and the deployer says so.
"""

import shlex
from typing import Literal, get_args

Guard = Literal["systemd", "cron", "none"]
"""What starts the guard of a trial."""

RESTORES_WITHIN_S = {"systemd": 15.0, "cron": 75.0}
"""Seconds until a trial that was killed is noticed, by what starts the guard; the reload comes on top."""

GUARDS = """\
unit() { printf 'zonewright-trial-%s-%s' "${keep##*/}" "$(printf '%s' "$keep" | sha256sum | cut -c1-8)"; }

arm_systemd() {
  units=/etc/systemd/system
  new=$keep/.units
  rm -rf -- "$new" && mkdir -- "$new" || return 1
  cat > "$new/$unit.service" <<END
[Unit]
Description=Restores configuration ${keep##*/} if its trial was cut off
ConditionPathExists=$keep/guard

[Service]
Type=oneshot
KillMode=process
ExecStart=/bin/sh $keep/guard guard
END
  cat > "$new/$unit.timer" <<END
[Unit]
Description=Looks whether the trial of configuration ${keep##*/} was cut off
ConditionPathExists=$keep/armed

[Timer]
OnActiveSec=5s
OnUnitInactiveSec=5s
AccuracySec=1s

[Install]
WantedBy=timers.target
END
  # Before the network: what cuts the host off is not loaded again. The timer reloads later, when services run.
  cat > "$new/$unit-boot.service" <<END
[Unit]
Description=Restores configuration ${keep##*/} if the host lost power in its trial
ConditionPathExists=$keep/guard
DefaultDependencies=no
RequiresMountsFor=$keep
After=local-fs.target
Before=network-pre.target sysinit.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
ExecStart=/bin/sh $keep/guard boot

[Install]
WantedBy=sysinit.target
END
  is_new=
  for one in "$unit.service" "$unit.timer" "$unit-boot.service"; do
    cmp -s -- "$new/$one" "$units/$one" && continue
    is_new=yes
    (umask 022 && cat -- "$new/$one" > "$units/.$one.new") && mv -fT -- "$units/.$one.new" "$units/$one" || return 1
  done
  rm -rf -- "$new"
  if [ -n "$is_new" ]; then
    systemctl daemon-reload && systemctl enable -q "$unit.timer" "$unit-boot.service" && sync -f "$units/" || return 1
  fi
  systemctl start "$unit.timer"
}

arm_cron() {
  grep -qsxE 'cron|crond' /proc/[0-9]*/comm || return 1
  if [ "$(id -u)" = 0 ] && [ -d /etc/cron.d ]; then
    (umask 022 && printf '%s\\n' "@reboot root /bin/sh $keep/guard guard" "* * * * * root /bin/sh $keep/guard guard" \\
      > "/etc/cron.d/.$unit.new") && mv -fT -- "/etc/cron.d/.$unit.new" "/etc/cron.d/$unit" && sync -f /etc/cron.d/
  else
    command -v crontab >/dev/null || return 1
    { crontab -l 2>/dev/null | grep -vF " $keep/guard "; echo "* * * * * /bin/sh $keep/guard guard"; } | crontab -
  fi
}

arm() {
  unit=$(unit)
  if [ "$(id -u)" = 0 ] && [ -d /run/systemd/system ] && arm_systemd; then echo systemd
  elif arm_cron; then echo cron
  else echo none
  fi 2>/dev/null
}

disarm() {
  unit=$(unit)
  case $(cat "$keep/armed" 2>/dev/null) in
    systemd) systemctl stop "$unit.timer" ;;
    cron)
      if [ -e "/etc/cron.d/$unit" ]; then rm -f -- "/etc/cron.d/$unit"
      else crontab -l 2>/dev/null | grep -vF " $keep/guard " | crontab -
      fi ;;
  esac >/dev/null 2>&1 || :
  rm -f -- "$keep/armed"
}
"""
"""Shell functions: ``arm`` and ``disarm`` for the folder ``keep``. Units of systemd stay for the next trial."""


def guard_head(arguments: tuple[str, ...]) -> str:
    """The first line of a guard's file: the arguments of its trial, behind the word that it is started with.

    Args:
        arguments: of the trial, without its mode.
    """
    return f'set -- "$1" {shlex.join(arguments)}\n'


def guard_of(printed: str) -> Guard | None:
    """What starts the guard, as the host's script printed it; None where it did not.

    Args:
        printed: what the script printed.
    """
    word = printed.strip()
    return next((one for one in get_args(Guard) if one == word), None)


def promise(guard: Guard | None) -> str:
    """What holds of files that nobody confirmed, as the end of a sentence.

    Args:
        guard: what starts the guard; None where it is not known whether the trial began.
    """
    if guard in RESTORES_WITHIN_S:
        return "the host restores the previous files by itself, also after a loss of power"
    return (
        "the host restores the previous files by itself as long as it runs; after a loss of power the next run does, "
        "because neither systemd nor cron could be set up to do it"
    )
