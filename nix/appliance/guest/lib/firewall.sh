#!/bin/busybox sh
modprobe -a nf_tables nft_ct
exec nft -f /etc/nftables.conf
