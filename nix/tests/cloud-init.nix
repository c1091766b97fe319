# The host cloud-init: key, name and address of a NoCloud drive.
{ lib, nodes, ... }:
let
  address = "10.20.30.40";
in
{
  name = "cloud-init";

  nodes.machine =
    { pkgs, ... }:
    let
      keys = import (pkgs.path + "/nixos/tests/ssh-keys.nix") pkgs;
      seed =
        pkgs.runCommand "seed.iso"
          {
            nativeBuildInputs = [ pkgs.cdrkit ];
            userData = ''
              #cloud-config
              ssh_authorized_keys:
                - ${keys.snakeOilEd25519PublicKey}
            '';
            metaData = ''
              instance-id: first
              local-hostname: from-the-drive
            '';
            networkConfig = ''
              version: 1
              config:
                - type: physical
                  name: eth1
                  subnets:
                    - type: static
                      address: ${address}/24
            '';
            passAsFile = [
              "userData"
              "metaData"
              "networkConfig"
            ];
          }
          ''
            genisoimage -quiet -volid cidata -joliet -rock -output "$out" -graft-points \
              user-data="$userDataPath" meta-data="$metaDataPath" network-config="$networkConfigPath"
          '';
    in
    {
      imports = [
        ./image.nix
        ../variants/qemu.nix
        ../hosts/cloud-init.nix
      ];
      flakeship.variant = "qemu";
      networking.hostName = lib.mkForce "";
      virtualisation.qemu.options = [ "-cdrom ${seed}" ];
      environment.etc.key = {
        source = keys.snakeOilEd25519PrivateKey;
        mode = "0600";
      };
    };

  testScript = ''
    ${import ./boot.nix}
    boot(machine, "${nodes.machine.system.build.newDisk}", "4G")
    machine.wait_for_unit("cloud-final.service")
    ssh = "ssh -o StrictHostKeyChecking=no -o BatchMode=yes -i /etc/key"

    with subtest("the drive's key is the user's, and only the user's"):
        machine.wait_until_succeeds(f"{ssh} nixos@localhost sudo --non-interactive true", timeout=60)
        machine.fail(f"{ssh} root@localhost true")

    with subtest("the drive's name and address are the machine's"):
        machine.succeed("hostname | grep --line-regexp from-the-drive")
        machine.wait_until_succeeds("ip address show dev eth1 | grep --fixed-strings ${address}/24", timeout=60)

    with subtest("the host key is the one that the console showed"):
        key = machine.succeed("ssh-keyscan -t ed25519 localhost 2> /dev/null").split()[2]
        assert key in machine.get_console_log()

    with subtest("nothing failed"):
        assert machine.succeed("systemctl list-units --failed --plain --no-legend") == ""
  '';
}
