#!/bin/busybox sh
# A NoCloud drive, as Proxmox VE makes it for cloud-init, if there is one: host name, public keys, and, in
# /run/no-cloud, static addresses by interface and resolv.conf, for network.sh and dhcp.sh.
# Nova has another drive; its network has DHCP, which need not wait for any.
read -r vendor 2>/dev/null </sys/class/dmi/id/sys_vendor
case $vendor in OpenStack*) exit 0 ;; esac
/usr/lib/appliance/drive cidata || exit 0
mkdir -p /run/no-cloud /var/lib/config-drive
cd /run/drive || exit 1

sed -n "s/^ *- *['\"]*\(\(ssh-\|ecdsa-\|sk-\)[^'\"]*\).*/\1/p" user-data >/var/lib/config-drive/keys
name=$(cat meta-data user-data | sed -n 's/^\(local-\)\?hostname: *\([A-Za-z0-9-]*\).*/\2/p' | tail -n 1)
[ -z "$name" ] || hostname "$name"
/usr/lib/appliance/names
/usr/lib/appliance/keys

# Version 1 of cloud-init's network configuration: `key: value`, or an item of the list above it.
[ ! -r network-config ] || awk '
  FILENAME ~ /address$/ { count = split(FILENAME, part, "/"); interface[$1] = part[count - 1]; next }
  function finish() {
    if (address != "" && at != "") {
      print "address", address (netmask != "" ? "/" netmask : "") >"/run/no-cloud/" at
      if (gateway != "") print "gateway", gateway >"/run/no-cloud/" at
    }
    address = netmask = gateway = ""
  }
  {
    gsub(/["\047]/, "")
    sub(/^ *- */, "")
    key = $1 ~ /^[a-z0-9_]+:$/ ? $1 : "item"
    value = key == "item" ? $1 : $2
  }
  key == "type:" {
    finish()
    if (value == "physical" || value == "nameserver") { section = value; at = "" }
    static = value ~ /^static/
  }
  key == "mac_address:" { at = interface[tolower(value)] }
  static && key == "address:" { address = value }
  static && key == "netmask:" { netmask = value }
  static && key == "gateway:" { gateway = value }
  section == "nameserver" && key != "item" { list = key }
  section == "nameserver" && key == "item" && value != "" {
    if (list == "address:") print "nameserver", value >"/run/no-cloud/resolv.conf"
    if (list == "search:") search = search " " value
  }
  END {
    finish()
    if (search != "") print "search" search >"/run/no-cloud/resolv.conf"
  }
' /sys/class/net/*/address network-config
cd / && umount /run/drive
