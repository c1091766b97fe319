#!@busybox@ sh
# shellcheck shell=busybox disable=SC1008,SC2239 # filled in by build/toplevel.sh
# switch-to-configuration switch|boot|test|dry-activate: restarts what differs, and only that.
export PATH=@toplevel@/sw/bin
action=$1
old=$(readlink -f /etc/static/services)
new=@toplevel@/etc/services

stop=
start=
# shellcheck disable=SC2013 # words
for unit in $(cat "$old/order"); do
  cmp -s "$old/$unit" "$new/$unit" || stop="$stop $unit"
done
while read -r unit; do
  cmp -s "$old/$unit" "$new/$unit" || start="$start $unit"
done <"$new/order"

case $action in
dry-activate)
  echo "would stop:$stop"
  echo "would start:$start"
  exit 0
  ;;
switch | boot | test) ;;
*)
  echo "usage: switch-to-configuration switch|boot|test|dry-activate" >&2
  exit 1
  ;;
esac
[ "$(id -u)" = 0 ] || {
  echo "switch-to-configuration: must be root: use sudo" >&2
  exit 1
}
[ "$action" = test ] || @toplevel@/sw/lib/appliance/boot-menu @toplevel@ || exit 1
[ "$action" != boot ] || exit 0

# A switch is finished even if the session that asked for it ends.
trap '' HUP
[ -z "$stop" ] || echo "stopping:$stop"
for unit in $stop; do systemctl stop "$unit"; done
@toplevel@/activate || exit 1
code=0
[ -z "$start" ] || echo "starting:$start"
for unit in $start; do systemctl start "$unit" || code=4; done
exit "$code"
