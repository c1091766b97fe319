#!/bin/sh
# Says what the checks must know about the machine it runs on, in one login: `sh -s [section...]`.
# A section is framed, on standard output and on standard error, by
#   @@@ begin <section> <uptime>      and      @@@ end <section> <uptime> <exit code>

PATH=/run/wrappers/bin:/run/current-system/sw/bin:$PATH:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL

mark() {
  read -r uptime _ </proc/uptime
  line=$(printf '@@@ %s %s %s %s' "$1" "$2" "$uptime" "$3")
  # the output before it may lack its last newline
  printf '\n%s\n' "$line"
  printf '\n%s\n' "$line" >&2
}

section() {
  name=$1
  shift
  mark begin "$name" -
  "$@" </dev/null
  mark end "$name" $?
}

[ $# -gt 0 ] || set -- toplevel sudo addresses listeners nft root state failed boot

for wanted; do
  case $wanted in
    toplevel) section toplevel readlink -f /run/current-system ;;
    sudo) section sudo sudo -n id -u ;;
    addresses) section addresses ip -j addr ;;
    listeners) section listeners sudo -n ss -H -lntup ;;
    nft) section nft sudo -n nft -j list ruleset ;;
    iptables) section iptables sudo -n iptables-save ;;
    ip6tables) section ip6tables sudo -n ip6tables-save ;;
    root) section root df -Pk / ;;
    state) section state systemctl is-system-running ;;
    failed) section failed systemctl --failed --no-legend --plain ;;
    boot) section boot cat /proc/sys/kernel/random/boot_id ;;
    *) section "$wanted" false ;;
  esac
done
