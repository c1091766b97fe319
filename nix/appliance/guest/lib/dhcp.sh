#!/bin/busybox sh
# Called by udhcpc, which leaves the address and its lifetime to this script.
# shellcheck disable=SC2154 # udhcpc sets them
case $1 in
deconfig)
  /usr/bin/ip -4 addr flush dev "$interface" scope global
  rm -f "/run/udhcpc/$interface.lease"
  ;;
bound | renew)
  [ "$1" = renew ] || /usr/bin/ip -4 addr flush dev "$interface" scope global
  /usr/bin/ip addr replace "$ip/$mask" dev "$interface" valid_lft "$lease" preferred_lft "$lease"
  # an address whose lease has no end shows as one that somebody has set
  mkdir -p /run/udhcpc
  echo "ADDRESS=$ip" >"/run/udhcpc/$interface.lease"
  [ -z "$mtu" ] || /usr/bin/ip link set "$interface" mtu "$mtu"
  if [ -n "$staticroutes" ]; then
    # With these a client must not use the router option (RFC 3442).
    # shellcheck disable=SC2086
    set -- $staticroutes
    while [ $# -ge 2 ]; do
      if [ "$2" = 0.0.0.0 ]; then via=; else via="via $2"; fi
      # shellcheck disable=SC2086
      /usr/bin/ip route replace "$1" $via dev "$interface"
      shift 2
    done
  else
    for gateway in $router; do
      /usr/bin/ip route replace default via "$gateway" dev "$interface"
      break
    done
  fi
  [ ! -e /run/no-cloud/resolv.conf ] || exit 0
  {
    [ -z "$domain" ] || echo "search $domain"
    for server in $dns; do echo "nameserver $server"; done
  } >/etc/resolv.conf.new
  mv /etc/resolv.conf.new /etc/resolv.conf
  ;;
esac
