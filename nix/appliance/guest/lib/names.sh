#!/bin/busybox sh
# /etc/hosts with the name this server has now: a config drive may have given it another.
{
  cat /etc/static/hosts
  echo "127.0.0.1 $(hostname)"
} >/etc/hosts.new
mv /etc/hosts.new /etc/hosts
