#!/bin/busybox sh
# Run by init once: starts the services in their order.
export PATH=/run/wrappers/bin:/usr/bin

# As `systemctl start` does, without a process for each: seconds count here.
order=$(cat /etc/services/order)
# shellcheck disable=SC2086 # words
(cd /run/units && mkdir $order)
for unit in $order; do echo activating start >"/run/units/$unit/state"; done
for unit in $order; do
  if grep -q '^oneshot=.1' "/etc/services/$unit"; then
    /usr/lib/appliance/supervise "$unit"
  else
    setsid /usr/lib/appliance/supervise "$unit" </dev/null >/dev/null 2>&1 &
  fi
done

# Started is said when every service has held for a moment or has failed.
sleep 1
while grep -q activating /run/units/*/state; do sleep 0.2; done
: >/run/started
