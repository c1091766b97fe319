#!/bin/busybox sh
# In the initrd: finds the root partition, grows it to the disk and hands over to the system.
# busybox' shell finds the other applets by itself, but only while there is a /proc.
/bin/busybox mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1

# The drivers of the virtio devices that are there, by the devices' numbers.
for device in /sys/bus/virtio/devices/*; do
  list=/modules/$(cat "$device/device")
  [ ! -r "$list" ] || while read -r module; do
    [ -d "/sys/module/${module%.ko}" ] || insmod "/modules/$module"
  done <"$list"
done
# shellcheck disable=SC2013 # words
for word in $(cat /proc/cmdline); do
  case $word in
  root=*) root=${word#root=} ;;
  init=*) init=${word#init=} ;;
  esac
done
tries=0
until device=$(findfs "$root" 2>/dev/null); do
  tries=$((tries + 1))
  [ "$tries" -lt 200 ] || { echo "no root $root"; exec /bin/busybox poweroff -f; }
  sleep 0.05
done

# One partition in an MBR: growing it means writing the four bytes of its length.
part=/sys/class/block/${device#/dev/}
disk=$(basename "$(dirname "$(readlink -f "$part")")")
start=$(cat "$part/start")
length=$(($(cat "/sys/block/$disk/size") - start))
[ "$length" -le 4294967295 ] || length=4294967295
if [ $((length - $(cat "$part/size"))) -gt 2048 ]; then
  bytes=$(printf '\\x%02x' $((length & 255)) $((length >> 8 & 255)) \
    $((length >> 16 & 255)) $((length >> 24)))
  # shellcheck disable=SC2059 # the format is the data
  printf "$bytes" | dd of="/dev/$disk" bs=1 seek=458 conv=notrunc 2>/dev/null
  blockdev --rereadpt "/dev/$disk"
  until [ -b "$device" ]; do sleep 0.02; done
fi

mount -t ext4 -o noatime "$device" /sysroot || { echo "cannot mount $device"; exec /bin/busybox poweroff -f; }
for dir in proc sys dev; do /bin/busybox mount --move "/$dir" "/sysroot/$dir"; done
exec /bin/busybox switch_root /sysroot "$init"
