#!/bin/busybox sh
# supervise UNIT: runs one service and records its state below /run/units for systemctl.
# shellcheck disable=SC2154 # the settings are in the unit
unit=$1
dir=/run/units/$unit
log=/var/log/$unit.log
# shellcheck disable=SC1090,SC2154
. "/etc/services/$unit"
state() {
  echo "$*" >"$dir/state.new"
  mv "$dir/state.new" "$dir/state"
}

: >"$log"
quick=0
while :; do
  # Its own session, so that stopping it reaches all its processes.
  # shellcheck disable=SC2154 # in the unit
  setsid sh -c "exec $command" </dev/null >>"$log" 2>&1 &
  main=$!
  started=$(cut -d. -f1 /proc/uptime)
  echo "$main" >"$dir/pid"
  if [ "$oneshot" ]; then state activating start; else state active running; fi
  wait "$main"
  code=$?
  echo "$code" >"$dir/code"
  rm "$dir/pid"
  if [ -e "$dir/stop" ]; then
    state inactive dead
    exit 0
  elif [ "$oneshot" ]; then
    if [ "$code" = 0 ]; then state active exited; else state failed failed; fi
    exit "$code"
  elif [ "$restart" = no ] || { [ "$restart" = on-failure ] && [ "$code" = 0 ]; }; then
    if [ "$code" = 0 ]; then state inactive dead; else state failed failed; fi
    exit "$code"
  fi
  # Five failures in quick succession are one for good.
  if [ $(($(cut -d. -f1 /proc/uptime) - started)) -lt 10 ]; then quick=$((quick + 1)); else quick=1; fi
  if [ "$quick" -ge 5 ]; then
    state failed failed
    exit 1
  fi
  state activating auto-restart
  sleep 0.2
done
