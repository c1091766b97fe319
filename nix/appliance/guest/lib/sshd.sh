#!/bin/busybox sh
# Makes the host key at the first boot, says it on the console at every one, and serves.
key=/etc/ssh/ssh_host_ed25519_key
if [ ! -s "$key" ]; then
  dropbearkey -t ed25519 -f "$key.new" >/dev/null
  chmod 644 "$key.new.pub"
  mv "$key.new.pub" "$key.pub"
  mv "$key.new" "$key"
  sync
fi
if [ ! -e /run/announced ]; then
  {
    echo "-----BEGIN SSH HOST KEY KEYS-----"
    cat "$key.pub"
    echo "-----END SSH HOST KEY KEYS-----"
  } >/dev/ttyS0
  : >/run/announced
fi
# shellcheck disable=SC1091
. /etc/appliance.conf
# shellcheck disable=SC2154 # in appliance.conf
if [ "$passwordLogin" ]; then method=; else method=-s; fi
# -w: not root; -G: only this group
# shellcheck disable=SC2086
exec dropbear -F -E -w $method -G wheel -r "$key" -p 22
