#!/bin/busybox sh
# Every Ethernet interface has the addresses that a NoCloud drive gives it, or else DHCP.
ip link set lo up
tries=0
until [ -e /sys/class/net/eth0 ] || [ "$tries" -gt 100 ]; do
  tries=$((tries + 1))
  sleep 0.05
done
/usr/lib/appliance/no-cloud
client() {
  ip link set "$1" up
  exec udhcpc -f -i "$1" -s /usr/lib/appliance/dhcp -t 5 -T 1 -A 3 \
    -O mtu -O staticroutes -x "hostname:$(hostname)"
}
static() {
  ip link set "$1" up
  while read -r kind value; do
    case $kind,$value in
    address,*:*) ip address replace "$value" dev "$1" ;;
    address,*) ip address replace "$value" broadcast + dev "$1" ;;
    gateway,*) ip route replace default via "$value" dev "$1" ;;
    esac
  done <"/run/no-cloud/$1"
}
if [ -r /run/no-cloud/resolv.conf ]; then cp /run/no-cloud/resolv.conf /etc/; fi
for path in /sys/class/net/eth*; do
  name=${path##*/}
  if [ -r "/run/no-cloud/$name" ]; then static "$name"; else client "$name" & fi
done
wait
exec sleep infinity
