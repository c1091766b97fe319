#!/bin/busybox sh
# The part of systemctl that people and checks use, for the appliance's own supervisor.
export PATH=/run/wrappers/bin:/usr/bin
units=/run/units

# A process costs an emulated processor 10 ms and more: what the shell can do by itself, it does.
# `active` and `sub` of a unit.
read_state() {
  read -r active sub 2>/dev/null <"$units/$1/state" || { active=inactive sub=dead; }
}
state() {
  read_state "$1"
  echo "$active $sub"
}
known() {
  [ -r "/etc/services/$1" ] || {
    echo "Unit $1.service not found." >&2
    exit 5
  }
}
# shellcheck disable=SC1090,SC2154
description() { (. "/etc/services/$1" && echo "$description"); }

start() {
  case $(state "$1") in active* | activating*) return ;; esac
  mkdir -p "$units/$1"
  rm -f "$units/$1/stop"
  echo activating start >"$units/$1/state"
  # shellcheck disable=SC1090
  . "/etc/services/$1"
  # shellcheck disable=SC2154 # in the unit
  if [ "$oneshot" ]; then
    /usr/lib/appliance/supervise "$1" || {
      echo "Job for $1.service failed; see /var/log/$1.log." >&2
      return 1
    }
  else
    setsid /usr/lib/appliance/supervise "$1" </dev/null >/dev/null 2>&1 &
  fi
}

stop() {
  case $(state "$1") in
  active\ running | activating*) ;;
  *)
    [ ! -d "$units/$1" ] || echo inactive dead >"$units/$1/state"
    return
    ;;
  esac
  : >"$units/$1/stop"
  tries=0
  while :; do
    case $(state "$1") in inactive* | failed*) return ;; esac
    if main=$(cat "$units/$1/pid" 2>/dev/null); then
      if [ "$tries" -lt 50 ]; then kill -TERM "-$main" 2>/dev/null; else kill -KILL "-$main" 2>/dev/null; fi
    fi
    tries=$((tries + 1))
    sleep 0.1
  done
}

status() {
  read_state "$1"
  echo "* $1.service - $(description "$1")"
  echo "     Loaded: loaded (/etc/services/$1)"
  echo "     Active: $active ($sub)"
  [ ! -r "$units/$1/pid" ] || echo "   Main PID: $(cat "$units/$1/pid")"
  [ ! -r "$units/$1/code" ] || echo "  Last exit: $(cat "$units/$1/code")"
  [ ! -r "/var/log/$1.log" ] || tail -n 10 "/var/log/$1.log"
  [ "$active" = active ] || return 3
}

list() {
  while read -r unit; do
    read_state "$unit"
    [ -z "$1" ] || [ "$active" = "$1" ] || continue
    echo "$unit.service loaded $active $sub $(description "$unit")"
  done </etc/services/order
}

# The units that are not up yet, as a system that is starting lists its jobs.
jobs() {
  number=0
  while read -r unit; do
    number=$((number + 1))
    read_state "$unit"
    [ "$active" != activating ] || echo "$number $unit.service start running"
  done </etc/services/order
}

running() {
  answer=running
  if [ -e /run/stopping ]; then
    answer=stopping
  elif [ ! -e /run/started ]; then
    answer=starting
  else
    while read -r unit; do
      read_state "$unit"
      case $active in
      failed) answer=degraded ;;
      activating) [ "$answer" = degraded ] || answer=starting ;;
      esac
    done </etc/services/order
  fi
  echo "$answer"
  [ "$answer" = running ]
}

command='' name='' wanted=''
for word; do
  case $word in
  --failed | --state=failed) wanted=failed ;;
  -*) ;;
  *) if [ "$command" ]; then name="$name ${word%.service}"; else command=$word; fi ;;
  esac
done
case $command in
is-system-running) running ;;
list-jobs) jobs ;;
"" | list-units) list "$wanted" ;;
poweroff | reboot | halt) exec "/usr/bin/$command" ;;
start | stop | restart | status | is-active | is-failed)
  case $command in
  start | stop | restart)
    [ "$(id -u)" = 0 ] || {
      echo "systemctl: only root may $command a service: use sudo" >&2
      exit 4
    }
    ;;
  esac
  code=0
  for unit in $name; do
    known "$unit"
    case $command in
    restart) stop "$unit"; start "$unit" ;;
    is-active) state "$unit" | cut -d' ' -f1; case $(state "$unit") in active*) ;; *) false ;; esac ;;
    is-failed) state "$unit" | cut -d' ' -f1; case $(state "$unit") in failed*) ;; *) false ;; esac ;;
    *) "$command" "$unit" ;;
    esac || code=$?
  done
  exit "$code"
  ;;
*)
  echo "systemctl: no $command here; there are start, stop, restart, status, is-active, is-failed, list-units, list-jobs" >&2
  exit 1
  ;;
esac
