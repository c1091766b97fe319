#!/bin/sh
# Reports the facts that the checks need, in one login and with one sudo:
#   sudo -n sh -s [section...] || sh -s [section...]
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
  name=$1
  shift
  mark begin "$name" -
  "$@" </dev/null
  mark end "$name" $?
}

# The state when the system has started, or after two minutes.
settled() {
  tries=0
  while
    answer=$(systemctl is-system-running)
    code=$?
    tries=$((tries + 1))
    case $answer in starting | initializing) [ "$tries" -lt 240 ] ;; *) false ;; esac
  do
    sleep 0.5
  done
  echo "$answer"
  return "$code"
}

# The last log lines of the failed units.
reasons() {
  systemctl --failed --no-legend --plain | while read -r unit _; do
    systemctl status --no-pager --full --lines=3 "$unit" | tail -n 3
  done
}

# The size of the root file system. On ZFS, df shows one data set without the others: there it is
# followed by the size of the pool in bytes.
root() {
  df -Pk / || return
  case $(findmnt -nro FSTYPE,SOURCE / 2>/dev/null) in
    "zfs "*)
      pool=$(findmnt -nro SOURCE /)
      zpool list -Hpo size "${pool%%/*}"
      ;;
  esac
}

[ $# -gt 0 ] || set -- state sudo toplevel addresses listeners nft root failed reasons boot

for fact; do
  case $fact in
    state) section state settled ;;
    sudo) section sudo id -u ;;
    toplevel) section toplevel readlink -f /run/current-system ;;
    addresses) section addresses ip addr ;;
    listeners) section listeners ss -H -lntup ;;
    nft) section nft nft -j list ruleset ;;
    iptables) section iptables iptables-save ;;
    ip6tables) section ip6tables ip6tables-save ;;
    root) section root root ;;
    failed) section failed systemctl --failed --no-legend --plain ;;
    reasons) section reasons reasons ;;
    boot) section boot cat /proc/sys/kernel/random/boot_id ;;
    *) section "$fact" false ;;
  esac
done
