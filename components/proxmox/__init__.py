"""Templates and their clones on Proxmox VE, by Pulumi's plugin and resources of ours."""
