#!/bin/busybox sh
# Run by init once: starts the services in their order.
export PATH=/run/wrappers/bin:/usr/bin

# As `systemctl start` does, without a process for each: seconds count here.
order=$(cat /etc/services/order)
# shellcheck disable=SC2086 # words
(cd /run/units && mkdir $order)
for unit in $order; do echo activating start >"/run/units/$unit/state"; done
for unit in $order; do
  setsid /usr/lib/appliance/supervise "$unit" </dev/null >/dev/null 2>&1 &
  # Whoever waits for this server waits for these three: the others must not slow them down.
  if [ "$unit" = network ]; then
    tries=0
    until [ -e /run/announced ] || [ "$tries" -gt 100 ]; do
      tries=$((tries + 1))
      sleep 0.1
    done
  fi
done

# Started is said when every service has held for a moment or has failed.
sleep 1
while grep -q activating /run/units/*/state; do sleep 0.2; done
: >/run/started
