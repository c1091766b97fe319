# Booted from the store, below an overlay: compression would slow down every read.
{ lib, ... }:
{
  imports = [ ./disk.nix ];
  flakeship.image = {
    format = "qcow2";
    firmware = "uefi";
    compress = lib.mkDefault false;
  };
}
