#!/bin/busybox sh
# stop [poweroff|reboot|halt]: services, other processes, file systems.
export PATH=/usr/bin
: >/run/stopping
cd / || exit 1
# shellcheck disable=SC2013 # words
for unit in $(cat /etc/services/order); do systemctl stop "$unit" & done
wait
trap '' TERM HUP
kill -TERM -1
sleep 0.2
kill -KILL -1
for mount in /data/*; do umount "$mount" 2>/dev/null; done
sync
mount -o remount,ro /
[ -z "$1" ] || exec busybox "$1" -f
