#!/bin/sh
# Reports the facts that the checks need, in one login and with one sudo:
#   sudo -n sh -s [wait=<seconds>] [section...] || sh -s [wait=<seconds>] [section...]
# `wait` is for the system to have started.
# A section is framed, on standard output and on standard error, by
#   @@@ begin <section> <uptime> -      and      @@@ end <section> <uptime> <exit code>

PATH=$PATH:/run/wrappers/bin:/run/current-system/sw/bin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL

mark() {
  read -r uptime _ </proc/uptime
  # the output before it may lack its last newline
  printf '\n@@@ %s %s %s %s\n' "$1" "$2" "$uptime" "$3"
  printf '\n@@@ %s %s %s %s\n' "$1" "$2" "$uptime" "$3" >&2
}

section() {
  section=$1
  shift
  mark begin "$section" -
  "$@" </dev/null # the input of this shell is this script
  mark end "$section" $?
}

# A slow guest takes 20 ms and more for each process: what the shell can do by itself, it does.

# The state when the system has started, or when it has not in time.
settled() {
  read -r began _ </proc/uptime
  while
    answer=$(systemctl is-system-running)
    code=$?
    read -r uptime _ </proc/uptime
    case $answer in
      starting | initializing) [ "$((${uptime%%.*} - ${began%%.*}))" -lt "$patience" ] ;;
      *) false ;;
    esac
  do
    sleep 0.2
  done
  echo "$answer"
  return "$code"
}

boot() {
  read -r number </proc/sys/kernel/random/boot_id
  echo "$number"
}

# The jobs that are not done, of a system that is still starting.
jobs() {
  case $answer in
    starting | initializing) systemctl list-jobs --no-legend --plain ;;
  esac
}

# The network cards, and what joins them or is on top of them: bridges, bonds, VLANs.
links() {
  for link in /sys/class/net/*; do
    name=${link##*/}
    if [ -e "$link/device" ]; then
      echo "$name"
      master=
      [ ! -e "$link/master" ] || master=$(readlink -f "$link/master")
      [ -z "$master" ] || echo "${master##*/}"
    elif [ -e "/proc/net/vlan/$name" ]; then
      echo "$name"
    fi
  done
}

# Where an address came from that has no end: the leases that DHCP clients keep, and the files with
# addresses that were written on this machine (those of the image are links into the store).
origins() {
  for file in /run/systemd/netif/leases/* /run/udhcpc/*.lease /var/lib/dhcp/*.leases \
    /var/lib/dhclient/*.leases /var/lib/NetworkManager/*.lease; do
    [ -f "$file" ] && sed "s|^|lease $file: |" "$file"
  done
  if command -v dhcpcd >/dev/null; then
    for link in /sys/class/net/*; do
      dhcpcd -4 -U "${link##*/}" 2>/dev/null | sed -n 's|^ip_address=|lease dhcpcd: |p'
    done
  fi
  for file in /etc/systemd/network/*cloud-init* /run/systemd/network/*cloud-init* \
    /run/systemd/network/*netplan* /etc/NetworkManager/system-connections/cloud-init* \
    /etc/network/interfaces.d/*cloud-init*; do
    [ -f "$file" ] && [ ! -L "$file" ] && sed "s|^|cloud-init $file: |" "$file"
  done
  # what a cutover has brought, beside the machine's own
  file=/var/lib/flakeship/service-address
  [ -f "$file" ] && sed "s|^|cutover $file: |" "$file"
  return 0
}

failed() {
  units=$(systemctl --failed --no-legend --plain)
  code=$?
  [ -z "$units" ] || printf '%s\n' "$units"
  return "$code"
}

# The last log lines of the failed units.
reasons() {
  [ -n "$units" ] || return 0
  printf '%s\n' "$units" | while read -r unit _; do
    systemctl status --no-pager --full --lines=3 "$unit" </dev/null | tail -n 3
  done
}

# The size of the root file system. On ZFS, df shows one data set without the others: there it is
# followed by the size of the pool in bytes. Elsewhere its type follows.
root() {
  df -Pk / || return
  while read -r _ _ _ _ mount rest; do # the last one is on top
    [ "$mount" != / ] || type=${rest#* - }
  done </proc/self/mountinfo
  echo "type ${type%% *}"
  case $type in
    "zfs "*)
      pool=${type#* }
      pool=${pool%% *}
      zpool list -Hpo size "${pool%%/*}"
      ;;
  esac
}

# The disk below a block device, as $disk: of a partition, and of what is on top of one (LUKS, LVM,
# RAID).
disk_of() {
  disk=$1
  while :; do
    below=
    for each in /sys/class/block/"$disk"/slaves/*; do
      [ -e "$each" ] && below=${each##*/} && break
    done
    [ -n "$below" ] || break
    disk=$below
  done
  if [ -e "/sys/class/block/$disk/partition" ]; then
    disk=$(readlink -f "/sys/class/block/$disk")
    disk=${disk%/*}
    disk=${disk##*/}
  fi
}

# In KiB: the disks, their partitions, and the file systems and swap on them:
#   disk <name> <size>
#   partition <name> <disk> <size>
#   used <device> <disk> <size> <mount point or swap>
# A partition on which something else is built has the size 0: that counts what is on top of it.
disks() {
  for block in /sys/class/block/*; do
    name=${block##*/}
    [ -e "$block/partition" ] || [ -e "$block/device" ] || continue
    read -r sectors <"$block/size"
    if [ -e "$block/partition" ]; then
      for holder in "$block"/holders/*; do [ ! -e "$holder" ] || sectors=0; done
      disk_of "$name"
      echo "partition $name $disk $((sectors / 2))"
    else
      echo "disk $name $((sectors / 2))"
    fi
  done
  while read -r _ _ number _ mount rest; do
    source=${rest#* - }
    source=${source#* }
    source=${source%% *}
    if [ -e "/sys/dev/block/$number" ]; then
      source=/sys/dev/block/$number
    fi
    # no device is behind most of them
    case $source in /*) name=$(readlink -f "$source") || continue ;; *) continue ;; esac
    name=${name##*/}
    [ -e "/sys/class/block/$name" ] || continue
    size=$(df -Pk "$mount" 2>/dev/null | while read -r _ size _; do echo "$size"; done)
    size=${size##*[!0-9]} # of the last line
    disk_of "$name"
    echo "used $name $disk ${size:-0} $mount"
  done </proc/self/mountinfo
  while read -r source _ size _; do
    [ -e "$source" ] || continue
    name=$(readlink -f "$source")
    name=${name##*/}
    [ -e "/sys/class/block/$name" ] || continue
    disk_of "$name"
    echo "used $name $disk $size swap"
  done </proc/swaps
  return 0
}

# The rules of nftables; those of iptables too, where nftables shows them in part or refuses nothing.
filters() {
  mark begin nft -
  rules=$(nft -j list ruleset </dev/null)
  code=$?
  printf '%s\n' "$rules"
  mark end nft "$code"
  case $rules in
    *'"xt"'*) ;;
    *'"drop"'* | *'"reject"'*) return ;;
  esac
  section iptables iptables-save
  section ip6tables ip6tables-save
}

patience=120
case $1 in
  wait=*)
    patience=${1#wait=}
    shift
    ;;
esac
[ $# -gt 0 ] || set -- state jobs sudo toplevel addresses links origins listeners nft root disks \
  failed reasons boot

for fact; do
  case $fact in
    state) section state settled ;;
    jobs) section jobs jobs ;;
    sudo) section sudo id -u ;;
    toplevel) section toplevel readlink -f /run/current-system ;;
    addresses) section addresses ip addr ;;
    links) section links links ;;
    origins) section origins origins ;;
    listeners) section listeners ss -H -lntup ;;
    nft) filters ;;
    iptables) section iptables iptables-save ;;
    ip6tables) section ip6tables ip6tables-save ;;
    root) section root root ;;
    disks) section disks disks ;;
    failed) section failed failed ;;
    reasons) section reasons reasons ;;
    boot) section boot boot ;;
    *) section "$fact" false ;;
  esac
done
