# The modules by name, for a flake that puts its hosts together without mkFlake.
{
  default = ./.;
  host = ./host.nix;
  netboot = ./netboot.nix;
  access = ./access.nix;
  network = ./network.nix;
  console = ./console.nix;
  identity = ./identity.nix;
  lean = ./lean.nix;
  self-specialise = ./self-specialise.nix;
  role = ./role.nix;
  kubernetes = ./kubernetes.nix;
  hardware = ./hardware.nix;
  bare-metal = ../profiles/bare-metal.nix;
  zfs-root = ./zfs-root.nix;
  disk = ../variants/disk.nix;
}
