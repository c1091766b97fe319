#!/bin/busybox sh
# An OpenStack config drive, if there is one: host name and public keys.
[ ! -e /run/no-cloud ] || exit 0
/usr/lib/appliance/drive config-2 || exit 0
data=/run/drive/openstack/latest/meta_data.json
if [ -r "$data" ]; then
  mkdir -p /var/lib/config-drive
  sed 's/[,{}]/\n/g' "$data" |
    sed -n 's/.*"\(\(ssh-\|ecdsa-\|sk-\)[^" ]* [^"\\]*\).*/\1/p' | sort -u >/var/lib/config-drive/keys
  name=$(sed 's/[,{}]/\n/g' "$data" | sed -n 's/.*"hostname": *"\([A-Za-z0-9.-]*\)".*/\1/p' | head -n 1)
  [ -z "$name" ] || hostname "${name%%.*}"
  /usr/lib/appliance/names
  /usr/lib/appliance/keys
fi
umount /run/drive
