# A disk with GRUB and a root that grows, made by nixpkgs' make-disk-image. The system depends on the
# firmware alone, so an image for OpenStack and one for QEMU hold the same one.
{
  config,
  lib,
  pkgs,
  modulesPath,
  ...
}:
let
  cfg = config.flakeship;
  inherit (cfg.image) firmware format;
  bios = firmware != "uefi";
  uefi = firmware != "bios";
in
{
  imports = [
    (modulesPath + "/image/file-options.nix")
    # Without it the initrd has no driver for a virtio disk.
    (modulesPath + "/profiles/qemu-guest.nix")
    ./boot-loader.nix
  ];

  options.flakeship.bootDisk = lib.mkOption {
    type = lib.types.path;
    default = "/dev/vda";
    description = "The disk that a rebuild installs GRUB on; /dev/sda with virtio-scsi.";
  };

  config = {
    # By default: a host may have another root (modules/zfs-root.nix).
    boot.growPartition = lib.mkDefault true;
    fileSystems."/" = {
      device = lib.mkDefault "/dev/disk/by-label/nixos";
      fsType = lib.mkDefault "ext4";
      autoResize = lib.mkDefault true;
    };
    fileSystems."/boot" = lib.mkIf uefi {
      device = "/dev/disk/by-label/ESP";
      fsType = "vfat";
      options = [ "umask=0077" ];
    };
    boot.loader = {
      timeout = lib.mkDefault 1;
      grub = {
        device = if bios then cfg.bootDisk else "nodev";
        efiSupport = uefi;
        # There is no NVRAM to write to while an image is built.
        efiInstallAsRemovable = uefi;
        # Each has its kernel and initrd on it, and space is limited.
        configurationLimit = lib.mkIf (config.fileSystems ? "/boot") (lib.mkDefault 5);
        splashImage = null;
        extraConfig = ''
          serial --unit=0 --speed=115200
          terminal_input --append serial
          terminal_output --append serial
        '';
      };
    };
    services.qemuGuest.enable = true;

    image.baseName = "${cfg.host}-${cfg.variant}";
    image.extension =
      {
        raw = "img";
        "raw.zst" = "img.zst";
      }
      .${format} or format;
    system.build.image = import (modulesPath + "/../lib/make-disk-image.nix") {
      inherit config lib pkgs;
      inherit (config.image) baseName;
      name = config.image.baseName;
      diskSize = cfg.image.disk;
      bootSize = "512M";
      format =
        {
          qcow2 = if cfg.image.compress then "qcow2-compressed" else "qcow2";
        }
        .${format} or "raw";
      partitionTableType =
        {
          bios = "legacy";
          uefi = "efi";
          hybrid = "hybrid";
        }
        .${firmware};
      postVM = lib.optionalString (format == "raw.zst") ''
        ${lib.getExe pkgs.zstd} --rm --threads=0 "$diskImage"
      '';
      copyChannel = false;
    };
  };
}
