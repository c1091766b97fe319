#!/bin/sh
# The service address of this machine: one beside its own, which moves from machine to machine
# (flakeship/targets/proxmox/cutover) and is never on two at once. Needs root and iproute2.
#
#   flakeship-address ask ADDRESS          `free`, `here`, or the MAC address of who else answers
#   flakeship-address set ADDRESS [wait]   add, announce and store it, in the place of another one:
#                                          ask first
#   flakeship-address drop [wait]          forget the stored one, and take it off
#   flakeship-address show                 `stored ADDRESS`, and `here INTERFACE MAC` if it is in use
#   flakeship-address keep                 the service: adds the stored one again after a boot, or if
#                                          the network's configuration has removed it, unless somebody
#                                          answers
#
# ADDRESS has the length of its prefix. With `wait` everything is prepared, `ready` is said, and a line
# `go` awaited, so that two machines act back to back; then `done` is said as soon as the address has
# moved. This file is in the appliance too, and the same there.
set -eu

folder=${FLAKESHIP_FOLDER:-/var/lib/flakeship} # another one in tests
state=$folder/service-address

fail() {
  echo "flakeship-address: $*" >&2
  exit 1
}

stored() {
  if [ -e "$state" ]; then cat "$state"; fi
}

# The interface that has an address, and the address as it has it.
found() {
  ip -o addr show to "${1%/*}" | {
    read -r _ interface _ address _ || exit 0
    echo "$interface $address"
  }
}

# The interface with an address, or else that of the route to it.
interface() {
  # shellcheck disable=SC2046 # words
  set -- "$1" $(found "$1")
  if [ $# -gt 1 ]; then
    echo "$2"
    return
  fi
  # shellcheck disable=SC2046
  set -- $(ip -o route get "${1%/*}" 2>/dev/null)
  while [ $# -gt 1 ]; do
    if [ "$1" = dev ]; then
      echo "$2"
      return
    fi
    shift
  done
  return 1
}

# Without a link-local address the kernel could not ask its neighbours.
await_link_local() {
  tries=0
  until [ "$(ip -6 -o addr show dev "$1" scope link -tentative)" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || return 1
    sleep 0.1
  done
}

# The kernel asks by ARP or neighbour solicitation, three times in three seconds.
ask() {
  address=${1%/*}
  if [ "$(found "$1")" ]; then
    echo here
    return
  fi
  on=$(interface "$1") || fail "there is no route to $address"
  case $address in *:*) await_link_local "$on" || fail "$on has no IPv6 address of its link" ;; esac
  ip neigh del "$address" dev "$on" 2>/dev/null || true # what was true a minute ago
  ip neigh replace "$address" dev "$on" use || fail "$on cannot ask for $address"
  answer=free tries=0
  while [ "$tries" -lt 40 ]; do
    # shellcheck disable=SC2046
    set -- $(ip -o neigh show to "$address" dev "$on")
    case "$*" in
    *\ lladdr\ *)
      while [ "$1" != lladdr ]; do shift; done
      answer=$2
      break
      ;;
    *FAILED*) break ;;
    esac
    tries=$((tries + 1))
    sleep 0.1
  done
  ip neigh del "$address" dev "$on" 2>/dev/null || true
  echo "$answer"
}

# Neighbours learn that this machine has it by gratuitous ARP and unsolicited advertisements, which
# the kernel sends for all addresses of an interface whose MAC address is set, be it to the same.
announce() {
  ip link set dev "$on" address "$mac"
}

# Sets `on` and `mac`.
prepare() {
  on=$(interface "$1") || fail "there is no route to ${1%/*}"
  read -r mac <"/sys/class/net/$on/address"
  echo 1 >"/proc/sys/net/ipv4/conf/$on/arp_notify"
  if [ -e "/proc/sys/net/ipv6/conf/$on" ]; then echo 1 >"/proc/sys/net/ipv6/conf/$on/ndisc_notify"; fi
}

# It was asked for: the kernel's own wait of two seconds would be silence. A deprecated address of
# IPv6 is reached as any other, and is not what the machine's own connections come from.
# One process does both: the start of each is silence.
add() {
  case $1 in *:*) set -- "$1" "nodad preferred_lft 0" ;; esac
  ip -batch - <<END
addr replace $1 dev $on ${2-}
link set dev $on address $mac
END
}

remove() {
  # shellcheck disable=SC2046
  set -- $(found "$1")
  if [ $# -gt 0 ]; then ip addr del "$2" dev "$1"; fi
}

# The lock must not be held for ever where the other side has gone without a word.
may_go() {
  echo ready
  [ "$(timeout 90 head -n 1)" = go ]
}

lock() {
  mkdir -p "$folder"
  exec 9>"$folder/lock"
  flock 9
}

unlock() {
  exec 9>&-
}

store() {
  if [ "$1" ]; then
    echo "$1" >"$state.new"
    mv "$state.new" "$state"
  else
    rm -f "$state"
  fi
}

set_address() {
  case $1 in */*) ;; *) fail "$1 has no length of a prefix" ;; esac
  lock
  former=$(stored)
  # what is not stored is not taken off later: it may be the only address of this machine
  [ -z "$(found "$1")" ] || [ "${former%/*}" = "${1%/*}" ] ||
    fail "${1%/*} is an address of this machine itself"
  prepare "$1"
  store "$1"
  if [ "$2" ] && ! may_go; then
    store "$former"
    fail "it was not to go on"
  fi
  [ -z "$former" ] || [ "$former" = "$1" ] || remove "$former"
  add "$1"
  if [ "$2" ]; then echo 'done'; fi
  unlock
  sync -f "$folder"
  systemctl start flakeship-address
  for pause in 0.1 0.2 0.4; do
    sleep "$pause"
    announce
  done
}

drop() {
  lock
  former=$(stored)
  # shellcheck disable=SC2046
  [ -z "$former" ] || set -- "$1" $(found "$former")
  if [ "$1" ] && ! may_go; then fail "it was not to go on"; fi
  # at once and without a process: `store` is slower
  [ -z "$former" ] || : >"$state"
  if [ $# -gt 1 ]; then ip addr del "$3" dev "$2"; fi
  if [ "$1" ]; then echo 'done'; fi
  store ""
  sync -f "$folder"
}

show() {
  address=$(stored)
  [ "$address" ] || return 0
  echo "stored $address"
  # shellcheck disable=SC2046
  set -- $(found "$address")
  if [ $# -gt 0 ]; then echo "here $1 $(cat "/sys/class/net/$1/address")"; fi
}

keep() {
  while address=$(stored) && [ "$address" ]; do
    if [ -z "$(found "$address")" ] && answer=$(ask "$address"); then
      lock
      # It may have been dropped or moved while it was asked for.
      if [ "$(stored)" = "$address" ]; then
        case $answer in
        free)
          echo "adding $address"
          # the interface may have just gone: again in a moment
          (prepare "$address" && add "$address") || true
          ;;
        here) ;;
        *)
          echo "$answer has $address now: it is forgotten here"
          store ""
          sync -f "$folder"
          ;;
        esac
      fi
      unlock
    fi
    sleep 2
  done
}

case ${1-} in
ask | set)
  [ "${2-}" ] || fail "an address is needed"
  if [ "$1" = ask ]; then ask "$2"; else set_address "$2" "${3-}"; fi
  ;;
drop) drop "${2-}" ;;
show | keep) "$1" ;;
*) fail "there are ask, set, drop, show and keep" ;;
esac
