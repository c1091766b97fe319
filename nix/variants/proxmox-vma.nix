# An archive for Proxmox's restore; for an import use the variant proxmox. nixpkgs' module makes it with
# Proxmox's patched QEMU, which has to be built first and takes long.
{
  config,
  lib,
  modulesPath,
  ...
}:
let
  cfg = config.flakeship;
in
{
  imports = [
    (modulesPath + "/profiles/qemu-guest.nix")
    ./boot-loader.nix
    # It copies all of nixpkgs as a channel, without an option against it: so it gets an empty one.
    (
      {
        config,
        lib,
        pkgs,
        ...
      }:
      import (modulesPath + "/virtualisation/proxmox-image.nix") {
        inherit config lib;
        pkgs = pkgs // {
          path = ./channel;
        };
      }
    )
  ];

  # As in disk.nix.
  fileSystems."/boot".options = [ "umask=0077" ];
  boot.loader.grub.configurationLimit = lib.mkDefault 5;

  flakeship.image = {
    format = "vma.zst";
    firmware = "hybrid";
  };
  image.baseName = "${cfg.host}-${cfg.variant}";
  virtualisation.diskSize = cfg.image.disk;
  proxmox = {
    partitionTableType = "hybrid";
    cloudInit.enable = false;
    qemuConf = {
      name = cfg.host;
      memory = lib.mkDefault cfg.memory;
      bootSize = "512M";
    };
    # The module writes its own option into qemu-server.conf, by an obsolete name that warns:
    # another value in its place does not. Proxmox ignores the line.
    qemuExtraConf.diskSize = "";
  };
}
