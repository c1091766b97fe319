"""Tests of the target proxmox."""
