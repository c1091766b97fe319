#!/usr/bin/env bash
# The peer: guests started by a shell loop, until SSH answers on every one.
#   peer.sh IMAGE KEY COUNT DIRECTORY       prints the seconds it took
set -euo pipefail
image=$1 key=$2 count=$3 directory=$4
cd "$directory"
trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true' EXIT
ports=()
for ((i = 0; i < count; i++)); do
  ports+=("$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')")
  qemu-img create -q -b "$image" -F qcow2 -f qcow2 "$i.qcow2" 2048M
done
start=$EPOCHREALTIME
for ((i = 0; i < count; i++)); do
  qemu-system-x86_64 -machine pc -accel "${ACCELERATOR:-tcg}" -smp 2 -m 512 -display none \
    -drive "file=$i.qcow2,if=virtio" -device virtio-rng-pci -serial "file:$i.log" \
    -netdev "user,id=n,hostfwd=tcp:127.0.0.1:${ports[i]}-:22" -device virtio-net-pci,netdev=n &
done
for ((i = 0; i < count; i++)); do
  until ssh -F /dev/null -i "$key" -p "${ports[i]}" -o BatchMode=yes -o ConnectTimeout=5 -o LogLevel=ERROR \
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null nixos@127.0.0.1 true 2>/dev/null; do
    sleep 0.2
  done
done
awk -v from="$start" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", to - from }'
