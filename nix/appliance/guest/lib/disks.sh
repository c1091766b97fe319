#!/bin/busybox sh
# The root file system takes the whole partition; data disks are mounted by their serial number.
root=$(findfs LABEL=nixos)
resize2fs "$root" || exit 1
for disk in /sys/block/vd*; do
  serial=$(cat "$disk/serial" 2>/dev/null)
  name=${disk##*/}
  [ -n "$serial" ] || continue
  case $root in "/dev/$name"*) continue ;; esac
  [ "$(blkid -o value -s TYPE "/dev/$name")" = ext4 ] || continue
  mkdir -p "/data/$serial"
  mountpoint -q "/data/$serial" || mount "/dev/$name" "/data/$serial" || exit 1
done
