"""The target proxmox, compared with Terraform and curl."""
