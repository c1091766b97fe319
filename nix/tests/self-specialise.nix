# A machine made from `base` becomes what a disk and a share say. There is no network: what it
# becomes is in its store already, evaluated here, so the machine has to come to the very same.
{
  nixpkgs,
  nodes,
  lib,
  ...
}:
let
  own = [
    ../templates/fleet/common/vm_host.nix
    ./fleet-machine.nix
  ];
  # What templates/fleet/flake.nix makes of hosts/self.
  specialised = nixpkgs.lib.nixosSystem {
    specialArgs = {
      flakeship = {
        outPath = toString ../.;
        nixosModules = import ../modules/names.nix;
      };
      machine = {
        variant = "qemu";
        bootDisk = "/dev/vda";
      };
    };
    modules = [
      { imports = own; }
      { flakeship.host = lib.mkDefault "self"; }
    ];
  };
in
{
  name = "self-specialise";

  nodes.machine =
    { pkgs, ... }:
    let
      fleet = pkgs.runCommand "fleet.iso" { nativeBuildInputs = [ pkgs.cdrkit ]; } ''
        genisoimage -quiet -volid NIXOS-FLEET -joliet -rock -output "$out" ${../templates/fleet}
      '';
      self = pkgs.linkFarm "self" {
        "default.nix" = pkgs.writeText "default.nix" ''
          { imports = [ ../../common/vm_host.nix ./fleet-machine.nix ]; }
        '';
        "fleet-machine.nix" = ./fleet-machine.nix;
      };
      # A share has files, not links into a store that the machine does not have.
      share = pkgs.runCommand "share" { } ''cp --recursive --dereference ${self} "$out"'';
    in
    {
      imports = [
        ./image.nix
        ../variants/qemu.nix
        ../hosts/base.nix
      ];
      flakeship.variant = "qemu";
      # As lib.nixosSystem would have it.
      nixpkgs.flake.source = nixpkgs.outPath;
      nix.settings.substituters = lib.mkForce [ ];
      system.extraDependencies = [ specialised.config.system.build.toplevel ];
      virtualisation = {
        memorySize = 3072;
        qemu.options = [
          "-cdrom ${fleet}"
          "-virtfs local,path=${share},mount_tag=NIXOS-SELF,security_model=none,readonly=on"
        ];
      };
    };

  testScript = ''
    ${import ./boot.nix}
    boot(machine, "${nodes.machine.system.build.newDisk}", "16G")

    with subtest("it installs what the disks say and reboots into it"):
        machine.wait_for_console_text("self-specialise: installed, rebooting into ${specialised.config.system.build.toplevel}")
        machine.connected = False
        machine.wait_for_unit("multi-user.target")
        machine.succeed("hostname | grep --line-regexp specialised")
        machine.succeed("[ $(readlink --canonicalize /run/current-system) = ${specialised.config.system.build.toplevel} ]")

    with subtest("it stays it"):
        said = machine.succeed("journalctl --boot --unit self-specialise.service")
        assert "installed already" in said, said
        assert machine.succeed("systemctl list-units --failed --plain --no-legend") == ""

    with subtest("a rebuild by hand comes to the same, without a network"):
        machine.succeed("nixos-rebuild boot --no-reexec --flake /etc/nixos#self")
        machine.succeed("[ $(readlink --canonicalize /nix/var/nix/profiles/system) = ${specialised.config.system.build.toplevel} ]")
  '';
}
