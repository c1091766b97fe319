#!/bin/busybox sh
# An OpenStack config drive, if there is one: host name and public keys.
find_drive() { blkid -L config-2; }
if ! drive=$(find_drive); then
  # Plain QEMU has none, and it takes seconds to ask its IDE controller. Nova gives its own name.
  read -r vendor </sys/class/dmi/id/sys_vendor
  [ "$vendor" != QEMU ] || exit 0
  modprobe -a ata_piix sr_mod
  # An IDE drive answers after the driver has returned.
  for _ in 1 2 3 4 5; do
    [ -b /dev/sr0 ] && break
    sleep 0.2
  done
  drive=$(find_drive) || exit 0
fi
modprobe isofs
mkdir -p /run/config-drive /var/lib/config-drive
mount -o ro "$drive" /run/config-drive || exit 1
data=/run/config-drive/openstack/latest/meta_data.json
if [ -r "$data" ]; then
  sed 's/[,{}]/\n/g' "$data" |
    sed -n 's/.*"\(\(ssh-\|ecdsa-\|sk-\)[^" ]* [^"\\]*\).*/\1/p' | sort -u >/var/lib/config-drive/keys
  name=$(sed 's/[,{}]/\n/g' "$data" | sed -n 's/.*"hostname": *"\([A-Za-z0-9.-]*\)".*/\1/p' | head -n 1)
  [ -z "$name" ] || hostname "${name%%.*}"
  /usr/lib/appliance/names
  /usr/lib/appliance/keys
fi
umount /run/config-drive
