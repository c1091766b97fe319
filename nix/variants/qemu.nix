# Booted straight from the store, below an overlay: compressed it would be slow for ever.
{ lib, ... }:
{
  imports = [ ./disk.nix ];
  flakeship.image = {
    format = "qcow2";
    firmware = "bios";
    compress = lib.mkDefault false;
  };
}
