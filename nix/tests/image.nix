# A node that boots its own image through its own boot loader, as a server does, and not the store and
# kernel of the machine that runs the test. The test gives it a disk (boot.nix).
{ config, lib, ... }:
let
  inherit (config.virtualisation.test) nodeName;
in
{
  imports = [ ../modules ];

  networking.hostName = nodeName;
  # The name for the test driver, independent of the host name.
  system.name = nodeName;
  flakeship = {
    host = nodeName;
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
  # Makes a disk for it, by the name and of the size that it is called with.
  system.build.newDisk =
    let
      inherit (config.virtualisation) host qemu;
      image = "${config.system.build.image}/${config.image.filePath}";
    in
    host.pkgs.writeShellScript "new-disk" ''
      exec ${qemu.package}/bin/qemu-img create -q -f qcow2 -F qcow2 -b ${image} "$1" "$2"
    '';
  # Off in tests, but without it there is no boot loader in the image.
  system.switch.enable = true;
}
