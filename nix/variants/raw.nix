# To be written to a disk; boots with BIOS and UEFI.
{ config, lib, ... }:
{
  imports = [ ./disk.nix ];
  flakeship.image = {
    format = if config.flakeship.image.compress then "raw.zst" else "raw";
    firmware = "hybrid";
    compress = lib.mkDefault false;
  };
}
