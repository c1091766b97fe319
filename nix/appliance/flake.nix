{
  description = "A tiny NixOS-shaped system, built by Nix from Debian packages without nixpkgs";

  # A directory with the file authorized_keys; the one here has no key.
  inputs.access = {
    url = "path:./access";
    flake = false;
  };

  outputs =
    { access, ... }:
    let
      packages = import ./lib/packages.nix;
      boot = import ./lib/kernel.nix {
        inherit packages;
        # In the initrd, by the number of the virtio device.
        bootModules = [
          "0x0001:virtio_net"
          "0x0002:virtio_blk"
          "0x0004:virtio_rng"
          "0x0008:virtio_scsi,sd_mod"
        ];
        modules = [
          "nf_tables"
          "nft_ct"
          "nft_reject_inet"
          "nft_limit"
          "nft_log"
          "evdev"
          "button"
          "ata_piix"
          "ahci"
          "sr_mod"
          "isofs"
          "loop"
        ];
      };
      names = [ "appliance" ];
      forHosts =
        make:
        builtins.listToAttrs (
          map (name: {
            inherit name;
            value = make name (import (./hosts + "/${name}.nix"));
          }) names
        );

      toplevels = forHosts (
        _: host:
        import ./toplevel.nix {
          inherit packages boot host;
          authorizedKeys = builtins.readFile "${access}/authorized_keys";
        }
      );
      images = forHosts (
        name: host:
        import ./image.nix {
          inherit packages host;
          toplevel = toplevels.${name};
        }
      );

      # What Flakeship reads: one derivation whose environment says everything about the image.
      release =
        name: host: variant:
        packages.run "${name}-${variant}-release" ./build/release.sh {
          manifest = builtins.toJSON {
            schema = 1;
            inherit variant;
            host = name;
            drv = builtins.unsafeDiscardOutputDependency images.${name}.drvPath;
            out = images.${name}.outPath;
            files = [ "appliance.qcow2" ];
            format = "qcow2";
            toplevel = toplevels.${name}.outPath;
            inherit (packages) version system;
            inherit (host) disk memory;
            user = "nixos";
            agent = true;
          };
        };
    in
    {
      inherit toplevels;
      # One image for all: it has the drivers of each, and takes what it needs from DHCP or a drive.
      flakeship = forHosts (
        name: host: {
          qemu = release name host "qemu";
          openstack = release name host "openstack";
          proxmox = release name host "proxmox";
        }
      );
      packages.x86_64-linux = {
        appliance-qemu = images.appliance;
        appliance-toplevel = toplevels.appliance;
      };
    };
}
