# A host that is only ever replaced (nixpkgs' profile image-based-appliance): its image has a boot loader,
# no Nix, and refuses to be switched.
{ lib, nodes, ... }:
{
  name = "appliance";

  nodes.machine =
    { modulesPath, ... }:
    {
      imports = [
        (modulesPath + "/profiles/image-based-appliance.nix")
        ./image.nix
        ../variants/qemu.nix
      ];
      flakeship.variant = "qemu";
      system.switch.enable = lib.mkForce false;
    };

  testScript = ''
    ${import ./boot.nix}
    boot(machine, "${nodes.machine.system.build.newDisk}", "4G")
    machine.wait_for_unit("multi-user.target")
    machine.fail("command -v nix")
    machine.fail("/run/current-system/bin/switch-to-configuration switch")
    assert machine.succeed("systemctl list-units --failed --plain --no-legend") == ""
  '';
}
