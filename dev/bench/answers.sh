#!/usr/bin/env bash
# Waits until SSH answers, which is all the verification that the peers have.
#   answers.sh KEY USER@ADDRESS
set -euo pipefail
key=$1 where=$2
for ((i = 0; i < 600; i++)); do
  ssh -F /dev/null -i "$key" -o BatchMode=yes -o ConnectTimeout=3 -o LogLevel=ERROR -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null "$where" true 2>/dev/null </dev/null && exit
  sleep 0.2
done
echo "$where does not answer SSH" >&2
exit 1
