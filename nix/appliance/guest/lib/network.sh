#!/bin/busybox sh
# DHCP on every Ethernet interface there is.
ip link set lo up
tries=0
until [ -e /sys/class/net/eth0 ] || [ "$tries" -gt 100 ]; do
  tries=$((tries + 1))
  sleep 0.05
done
client() {
  ip link set "$1" up
  exec udhcpc -f -i "$1" -s /usr/lib/appliance/dhcp -t 5 -T 1 -A 3 \
    -O mtu -O staticroutes -x "hostname:$(hostname)"
}
for path in /sys/class/net/eth*; do client "${path##*/}" & done
wait
