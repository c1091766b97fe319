#!/usr/bin/env bash
# The peer: a script of `openstack` commands, from an image file to a server that answers SSH; then all is removed.
#   client.sh IMAGE KEY FLAVOR NAME         prints the seconds it took, of the cloud that OS_CLOUD names
set -euo pipefail
image=$1 key=$2 flavor=$3 name=$4 pool=${POOL:-public} user=${SSH_USER:-nixos}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
address=

os() { openstack "$@" >/dev/null; }

# All of it has the bench's own name.
remove() {
  os server delete --wait "$name"
  [[ -z $address ]] || os floating ip delete "$address"
  os router remove subnet "$name" "$name"
  os router delete "$name"
  os network delete "$name"
  os security group delete "$name"
  os keypair delete "$name"
  os image delete "$name"
}
# After a failure whatever there is of it; what is not there is no second error.
trap 'remove 2>/dev/null || true' EXIT

start=$EPOCHREALTIME
os image create "$name" --disk-format qcow2 --container-format bare --file "$image"
os keypair create "$name" --public-key "$key.pub"
os network create "$name"
os subnet create "$name" --network "$name" --subnet-range 10.22.0.0/24
os router create "$name" --external-gateway "$pool"
os router add subnet "$name" "$name"
os security group create "$name"
os security group rule create "$name" --protocol tcp --dst-port 22
os server create "$name" --image "$name" --flavor "$flavor" --network "$name" --security-group "$name" \
  --key-name "$name" --config-drive True --wait
address=$(openstack floating ip create "$pool" --format value --column floating_ip_address)
os server add floating ip "$name" "$address"
"$here/../answers.sh" "$key" "$user@$address"
awk -v from="$start" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", to - from }'
remove
trap - EXIT
