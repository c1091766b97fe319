"""What a machine on Proxmox VE shows and says: its state, its console, its agent, its checks."""
