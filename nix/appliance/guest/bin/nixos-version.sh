#!/bin/busybox sh
version=$(cat /run/current-system/nixos-version)
case $1 in
--json) echo "{\"configurationRevision\":null,\"nixosVersion\":\"$version\",\"nixpkgsRevision\":null}" ;;
*) echo "$version (appliance)" ;;
esac
