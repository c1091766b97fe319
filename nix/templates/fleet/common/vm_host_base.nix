# What a virtual machine needs from the base image that it was made from: the disk that it boots from,
# without which it has no root, and the service that installed its configuration.
{
  flakeship,
  machine,
  lib,
  options,
  ...
}:
{
  imports = [
    "${flakeship}/variants/${machine.variant}.nix"
    # Keeps nixpkgs in the store for a rebuild by hand. Changed disks are taken only with
    # `flakeship.selfSpecialise.follow = true;`: whoever can attach a disk is root then.
    flakeship.nixosModules.self-specialise
  ];

  flakeship = {
    inherit (machine) variant;
  }
  # Only what boots by GRUB has it.
  // lib.optionalAttrs (options.flakeship ? bootDisk && machine ? bootDisk) {
    inherit (machine) bootDisk;
  };
  # Of a root on ZFS: with another one the pool is not imported. Before zfs-root's own default.
  networking.hostId = lib.mkIf (machine ? hostId) (lib.mkOverride 900 machine.hostId);
}
