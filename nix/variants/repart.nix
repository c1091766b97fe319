# Made by systemd-repart without a virtual machine, so also where there is no KVM. UEFI only.
{
  config,
  lib,
  pkgs,
  modulesPath,
  ...
}:
let
  cfg = config.flakeship;
  nix = config.nix.package;
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
  boot.loader.systemd-boot.enable = true;
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

  # The store comes without Nix's database: it is filled at the first boot.
  boot.postBootCommands = ''
    if [ -f /nix-path-registration ]; then
      ${lib.getExe' nix "nix-store"} --load-db < /nix-path-registration
      touch /etc/NIXOS
      ${lib.getExe' nix "nix-env"} -p /nix/var/nix/profiles/system --set /run/current-system
      rm /nix-path-registration
    fi
  '';

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
          SizeMinBytes = "256M";
        };
      };
      "20-root" = {
        storePaths = [ config.system.build.toplevel ];
        contents."/nix-path-registration".source = "${closure}/registration";
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
