# The state of a server after its first boot.
{ nodes, ... }:
{
  name = "first-boot";

  nodes.machine.imports = [
    ./image.nix
    ./key.nix
    ../variants/qemu.nix
    { flakeship.variant = "qemu"; }
  ];

  testScript = ''
    ${import ./boot.nix}
    import json

    boot(machine, "${nodes.machine.system.build.newDisk}", "4G")
    machine.wait_for_console_text("END SSH HOST KEY KEYS")
    machine.wait_for_unit("multi-user.target")

    ssh = "ssh -o StrictHostKeyChecking=no -o BatchMode=yes -i /etc/key"
    no_key = f"{ssh} -o PubkeyAuthentication=no"

    with subtest("the user logs in by key, and has sudo"):
        machine.succeed(f"{ssh} nixos@localhost sudo --non-interactive id --user | grep --line-regexp 0")

    with subtest("root is refused"):
        machine.fail(f"{ssh} root@localhost true")

    with subtest("nobody is asked for a password"):
        for user in ["nixos", "root"]:
            assert "(publickey)" in machine.fail(f"{no_key} {user}@localhost true 2>&1")

    with subtest("the key on the console is the one that answers"):
        key = machine.succeed("ssh-keyscan -t ed25519 localhost 2> /dev/null").split()[2]
        assert key in machine.get_console_log()

    with subtest("it says which image it came from"):
        image = json.loads(machine.succeed("cat /etc/image.json"))
        assert image["host"] == "machine", image
        assert image["toplevel"] == "${nodes.machine.system.build.toplevel}", image

    with subtest("nothing failed"):
        assert machine.succeed("systemctl list-units --failed --plain --no-legend") == ""
  '';
}
