# A root on ZFS, in a pool that grows with its disk, like nixpkgs' ZFS image for OpenStack
# (maintainers/scripts/openstack/openstack-image-zfs.nix), in every variant that disk.nix makes.
# Netbooted, the root is in memory and ZFS has only its tools; repart and proxmox-vma do not support it.
{
  config,
  lib,
  options,
  pkgs,
  modulesPath,
  ...
}:
let
  cfg = config.flakeship;
  inherit (cfg.image) firmware format disk;
  onDisk = options.flakeship ? bootDisk;
  pool = "tank";
  bootSize = 1024;
  datasets = lib.mapAttrs' (name: lib.nameValuePair "${pool}/${name}") cfg.zfs.datasets;
  image = "$out/${config.image.fileName}";
in
{
  options.flakeship.zfs.datasets = lib.mkOption {
    type = lib.types.attrsOf lib.types.path;
    description = ''
      Where each dataset of the pool is mounted. They are made with the image; on a server that runs
      already, a new one is made by hand.
    '';
  };

  config = lib.mkMerge [
    {
      assertions = [
        {
          assertion = onDisk || cfg.variant == "netboot";
          message = ''
            A root on ZFS cannot be made for the variant ${cfg.variant}, only for openstack, proxmox,
            qemu (with -uefi and -hybrid) and raw; netboot has its root in memory.
          '';
        }
      ];

      # With nixpkgs' default kernel: ZFS often does not support the latest yet.
      boot.supportedFilesystems.zfs = true;
      # One for all servers of an image. A pool is imported by the id that had it open last, so a
      # server that was cut off comes up again by itself.
      networking.hostId = lib.mkDefault (lib.substring 0 8 (builtins.hashString "sha256" cfg.host));

      # By their lifetime: rolled back together, recreated, kept.
      flakeship.zfs.datasets = {
        "system/root" = "/";
        "system/var" = "/var";
        "local/nix" = "/nix";
        "user/home" = "/home";
      };
    }

    (lib.mkIf onDisk {
      flakeship.image.disk = lib.mkDefault 8192;

      fileSystems = lib.mkMerge [
        (lib.mapAttrs' (
          device: mount:
          lib.nameValuePair mount {
            inherit device;
            fsType = "zfs";
          }
        ) datasets)
        {
          "/".autoResize = false;
          # Also with BIOS: GRUB reads kernels from there.
          "/boot" = lib.mkIf (firmware == "bios") {
            device = "/dev/disk/by-label/ESP";
            fsType = "vfat";
            options = [ "umask=0077" ];
          };
        }
      ];

      # The pool grows by itself; growpart would treat the root's device as a partition.
      boot.growPartition = false;
      services.zfs.expandOnBoot = [ pool ];
      # A virtio disk without a serial number has no name in by-id, where ZFS looks by default.
      boot.zfs.devNodes = "/dev/";

      system.build.image = lib.mkForce (
        import (modulesPath + "/../lib/make-single-disk-zfs-image.nix") {
          inherit
            config
            lib
            pkgs
            bootSize
            ;
          name = config.image.baseName;
          memSize = 2048;
          rootSize =
            if disk == "auto" || disk < 2 * bootSize then
              throw "flakeship.image.disk: for a root on ZFS it is a number of MiB, ${toString (2 * bootSize)} or more"
            else
              disk - bootSize;
          rootPoolName = pool;
          rootPoolProperties = {
            ashift = 12;
            autoexpand = "on";
          };
          datasets = lib.mapAttrs (_: mount: { inherit mount; }) datasets;
          includeChannel = false;
          # It makes the partition for UEFI without the type that firmware looks for.
          postVM = ''
            ${pkgs.util-linux}/bin/sfdisk --part-type "$rootDiskImage" 2 C12A7328-F81F-11D2-BA4B-00A0C93EC93B
          ''
          + {
            raw = ''
              mv "$rootDiskImage" "${image}"
            '';
            "raw.zst" = ''
              ${lib.getExe pkgs.zstd} --rm --threads=0 -o "${image}" "$rootDiskImage"
            '';
            qcow2 = ''
              ${pkgs.qemu_kvm}/bin/qemu-img convert -f raw -O qcow2 ${lib.optionalString cfg.image.compress "-c"} "$rootDiskImage" "${image}"
              rm "$rootDiskImage"
            '';
          }
          .${format};
        }
      );
    })
  ];
}
