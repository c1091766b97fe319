# Made by systemd-repart without a virtual machine, so it needs no KVM. UEFI only.
{
  config,
  lib,
  pkgs,
  modulesPath,
  ...
}:
let
  cfg = config.flakeship;
  architecture = pkgs.stdenv.hostPlatform.efiArch;
  closure = pkgs.closureInfo { rootPaths = [ config.system.build.toplevel ]; };
in
{
  imports = [
    (modulesPath + "/image/repart.nix")
    (modulesPath + "/profiles/qemu-guest.nix")
  ];

  flakeship.image = {
    format = if cfg.image.compress then "raw.zst" else "raw";
    firmware = "uefi";
    compress = lib.mkDefault false;
  };
  services.qemuGuest.enable = true;

  boot.loader.grub.enable = false;
  boot.loader.systemd-boot = {
    enable = true;
    # Each has its kernel and initrd on the ESP, where space is limited.
    configurationLimit = lib.mkDefault 5;
  };
  fileSystems."/" = {
    device = "/dev/disk/by-partlabel/root";
    fsType = "ext4";
    autoResize = true;
  };
  fileSystems."/boot" = {
    device = "/dev/disk/by-partlabel/esp";
    fsType = "vfat";
    options = [ "umask=0077" ];
  };
  systemd.repart = {
    enable = true;
    partitions."10-root".Type = "root";
  };

  # The store comes without Nix's database. It is filled at the first boot, once the root has grown
  # (before that there is little space), or at the next one if that failed. Like nixpkgs' sd-image.nix.
  systemd.services.register-nix-paths = lib.mkIf config.nix.enable {
    description = "Fill Nix's database with what the image holds";
    wantedBy = [ "sysinit.target" ];
    conflicts = [ "shutdown.target" ];
    after = [
      "local-fs.target"
      "systemd-growfs-root.service"
    ];
    before = [
      "sysinit.target"
      "shutdown.target"
      "nix-daemon.socket"
      "nix-daemon.service"
    ];
    unitConfig = {
      DefaultDependencies = false;
      ConditionPathExists = "/nix-path-registration";
    };
    restartIfChanged = false;
    path = [ config.nix.package ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
    };
    script = ''
      nix-store --load-db < /nix-path-registration
      touch /etc/NIXOS
      nix-env --profile /nix/var/nix/profiles/system --set /run/current-system
      rm /nix-path-registration
    '';
  };

  image.repart = {
    name = "${cfg.host}-${cfg.variant}";
    compression.enable = cfg.image.compress;
    # The rest of it is the root's once it has grown, at the first boot.
    imageSize = if cfg.image.disk == "auto" then "auto" else "${toString cfg.image.disk}M";
    partitions = {
      "10-esp" = {
        contents = {
          "/EFI/BOOT/BOOT${lib.toUpper architecture}.EFI".source =
            "${pkgs.systemd}/lib/systemd/boot/efi/systemd-boot${architecture}.efi";
          "/EFI/Linux/${config.system.boot.loader.ukiFile}".source =
            "${config.system.build.uki}/${config.system.boot.loader.ukiFile}";
        };
        repartConfig = {
          Type = "esp";
          Label = "esp";
          Format = "vfat";
          # Without a maximum it would share the rest of the disk with the root.
          SizeMinBytes = "512M";
          SizeMaxBytes = "512M";
        };
      };
      "20-root" = {
        storePaths = [ config.system.build.toplevel ];
        contents = lib.mkIf config.nix.enable {
          "/nix-path-registration".source = "${closure}/registration";
        };
        repartConfig = {
          Type = "root";
          Label = "root";
          Format = "ext4";
          Minimize = "guess";
        };
      };
    };
  };
  image.baseName = lib.mkForce "${cfg.host}-${cfg.variant}";
}
