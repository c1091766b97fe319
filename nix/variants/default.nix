# A variant is an image format: a module that describes the disk and the image that is made of it.
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
