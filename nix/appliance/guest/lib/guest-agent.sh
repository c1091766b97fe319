#!/bin/busybox sh
# QEMU's guest agent, where the machine has a port for it; the kernel has the port's driver.
grep -qsx 0x0003 /sys/bus/virtio/devices/*/device || exit 0
tries=0
until port=$(grep -lsx org.qemu.guest_agent.0 /sys/class/virtio-ports/*/name); do
  tries=$((tries + 1))
  [ "$tries" -lt 20 ] || exit 0
  sleep 0.1
done
port=${port%/name}
exec qemu-ga --method=virtio-serial --path="/dev/${port##*/}"
