# The root grows to the size of the server's disk, with BIOS and with UEFI, once.
{ nodes, lib, ... }:
let
  node = variant: {
    imports = [
      ./image.nix
      variant
    ];
    flakeship.variant = "qemu";
  };
in
{
  name = "growing-root";

  nodes = {
    bios = node ../variants/qemu.nix;
    uefi = node ../variants/qemu-uefi.nix;
    hybrid = node ../variants/openstack-hybrid.nix;
  };

  testScript = ''
    ${import ./boot.nix}
    for machine, new_disk in [
        ${lib.concatMapAttrsStringSep "\n    " (
          name: node: ''(${name}, "${node.system.build.newDisk}"),''
        ) nodes}
    ]:
        boot(machine, new_disk, "8G")
        machine.wait_for_unit("multi-user.target")
        size = int(machine.succeed("df --block-size=1M --output=size / | tail -n 1"))
        assert size > 7000, size

        machine.succeed("systemctl restart growpart.service")
        said = machine.succeed("journalctl --boot --unit growpart.service")
        assert "NOCHANGE" in said, said
        machine.shutdown()
  '';
}
