# A node that boots its own image through its own boot loader, as a server does, and not from the
# store and the kernel of the machine that tests. Which disk it has, the test says (image.py).
{ config, lib, ... }:
{
  imports = [ ../modules ];

  networking.hostName = "machine";
  flakeship = {
    host = "machine";
    image.compress = false;
  };
  virtualisation = {
    directBoot.enable = false;
    mountHostNixStore = false;
    useEFIBoot = config.flakeship.image.firmware == "uefi";
    # Disk and file systems are the image's.
    bootLoaderDevice = "/dev/vda";
    fileSystems = lib.mkForce { };
  };
  # Off in tests, but without it there is no boot loader in the image.
  system.switch.enable = true;
}
