#!/bin/busybox sh
# poweroff, reboot or halt: stops the services first, out of reach of the session that asked.
how=${0##*/}
if [ "$how" = shutdown ]; then
  # As the guest agent calls it: shutdown -h -P|-H|-r +0 MESSAGE. It waits for the answer before it ends.
  case " $* " in
  *" -r "*) how=reboot ;;
  *" -H "*) how=halt ;;
  *) how=poweroff ;;
  esac
  setsid /usr/lib/appliance/stop "$how" </dev/null >/dev/null 2>&1 &
  exit 0
fi
[ "$1" = -f ] || exec setsid /usr/lib/appliance/stop "$how"
exec busybox "$how" -f
