# A variant is an image format: a module that says how the disk looks and what is made of it.
{
  openstack = ./openstack.nix;
  openstack-uefi = ./openstack-uefi.nix;
  openstack-hybrid = ./openstack-hybrid.nix;
  proxmox = ./proxmox.nix;
  proxmox-vma = ./proxmox-vma.nix;
  qemu = ./qemu.nix;
  qemu-uefi = ./qemu-uefi.nix;
  raw = ./raw.nix;
  repart = ./repart.nix;
  netboot = ./netboot.nix;
}
