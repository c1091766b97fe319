#!/bin/busybox sh
# poweroff, reboot or halt: stops the services first, out of reach of the session that asked.
how=${0##*/}
[ "$1" = -f ] || exec setsid /usr/lib/appliance/stop "$how"
exec busybox "$how" -f
