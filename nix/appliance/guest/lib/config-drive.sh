#!/bin/sh
# An OpenStack config drive, if there is one: host name and public keys.
modprobe -a ata_piix sr_mod isofs
tries=0
until drive=$(blkid -L config-2); do
  tries=$((tries + 1))
  [ "$tries" -lt 10 ] || exit 0
  sleep 0.1
done
mkdir -p /run/config-drive /var/lib/config-drive
mount -o ro "$drive" /run/config-drive || exit 1
data=/run/config-drive/openstack/latest/meta_data.json
if [ -r "$data" ]; then
  tr ',{}' '\n\n\n' <"$data" |
    sed -n 's/.*"\(\(ssh-\|ecdsa-\|sk-\)[^" ]* [^"\\]*\).*/\1/p' | sort -u >/var/lib/config-drive/keys
  name=$(tr ',{}' '\n\n\n' <"$data" | sed -n 's/.*"hostname": *"\([A-Za-z0-9.-]*\)".*/\1/p' | head -n 1)
  [ -z "$name" ] || hostname "${name%%.*}"
  /usr/lib/appliance/keys
fi
umount /run/config-drive
