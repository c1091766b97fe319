"""The target proxmox: releases as templates of a Proxmox VE cluster, servers as clones of them."""
