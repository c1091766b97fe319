# What a virtual machine keeps of the base image that it was: the disk that it boots from, or it has
# no root, and the service that follows its configuration disks.
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
    # Without it a changed disk is ignored, and a rebuild by hand fetches nixpkgs.
    flakeship.nixosModules.self-specialise
  ];

  flakeship = {
    inherit (machine) variant;
  }
  # Only what boots by GRUB has it.
  // lib.optionalAttrs (options.flakeship ? bootDisk) { inherit (machine) bootDisk; };
}
