#!/bin/busybox sh
# poweroff, reboot or halt: stops the services first, out of reach of the session that asked.
how=${0##*/}
if [ "$how" = shutdown ]; then
  # as the guest agent calls it: shutdown -h -P|-H|-r +0 MESSAGE
  case " $* " in
  *" -r "*) how=reboot ;;
  *" -H "*) how=halt ;;
  *) how=poweroff ;;
  esac
  set --
fi
[ "$1" = -f ] || exec setsid /usr/lib/appliance/stop "$how"
exec busybox "$how" -f
