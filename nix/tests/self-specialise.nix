# A machine made from `base` installs the configuration of a disk and a share. There is no network: the
# system is in its store already, evaluated by this file, so the machine must evaluate to the same.
{
  nixpkgs,
  nodes,
  lib,
  ...
}:
let
  # What templates/fleet/flake.nix makes of hosts/self.
  host = nixpkgs.lib.nixosSystem {
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
      {
        imports = [
          ../templates/fleet/common/vm_host.nix
          ./fleet-machine.nix
        ];
      }
      { flakeship.host = lib.mkDefault "self"; }
    ];
  };
  specialised = host.config.system.build.toplevel;
in
{
  name = "self-specialise";

  nodes.machine =
    { pkgs, ... }:
    let
      fleet = pkgs.runCommand "fleet.iso" { nativeBuildInputs = [ pkgs.cdrkit ]; } ''
        genisoimage -quiet -volid NIXOS-FLEET -joliet -rock -output "$out" ${../templates/fleet}
      '';
      self = pkgs.runCommand "self" { } ''
        mkdir "$out"
        cp ${./fleet-machine.nix} "$out/fleet-machine.nix"
        echo '{ imports = [ ../../common/vm_host.nix ./fleet-machine.nix ]; }' > "$out/default.nix"
      '';
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
      system.extraDependencies = [ specialised ];
      virtualisation = {
        memorySize = 3072;
        qemu.options = [
          "-cdrom ${fleet}"
          "-virtfs local,path=${self},mount_tag=NIXOS-SELF,security_model=none,readonly=on"
        ];
      };
    };

  testScript = ''
    ${import ./boot.nix}
    boot(machine, "${nodes.machine.system.build.newDisk}", "16G")

    with subtest("it installs what the disks say and reboots into it"):
        machine.wait_for_console_text("self-specialise: installed, rebooting into ${specialised}")
        machine.connected = False
        machine.wait_for_unit("multi-user.target")
        machine.succeed("hostname | grep --line-regexp specialised")
        machine.succeed("[ $(readlink --canonicalize /run/current-system) = ${specialised} ]")

    with subtest("it stays it"):
        said = machine.succeed("journalctl --boot --unit self-specialise.service")
        assert "no disk is looked at" in said, said
        assert machine.succeed("systemctl list-units --failed --plain --no-legend") == ""

    with subtest("a rebuild by hand comes to the same, without a network"):
        machine.succeed("nixos-rebuild boot --no-reexec --flake /etc/nixos#self")
        machine.succeed("[ $(readlink --canonicalize /nix/var/nix/profiles/system) = ${specialised} ]")
  '';
}
