# A machine that finds no root file system starts again: by nixpkgs' script in the initrd, and without it.
# Both are images of a host as it is released. In a node of this test the driver's own modules
# (test-instrumentation.nix) would start the machine again.
{
  hostPkgs,
  lib,
  nixpkgs,
  ...
}:
let
  start =
    name: module:
    let
      host = (import ../lib { inherit nixpkgs; }).mkHost {
        inherit name;
        access = ../access;
        module = {
          imports = [ module ];
          # The label in the image is another one.
          fileSystems."/".device = "/dev/disk/by-label/nowhere";
        };
      };
      inherit (host.qemu) image config;
    in
    lib.concatStringsSep " " [
      "${hostPkgs.qemu_test}/bin/qemu-system-x86_64 -machine accel=kvm:tcg -cpu max"
      "-m ${toString config.flakeship.memory}"
      "-drive file=${image}/${config.image.filePath},format=qcow2,if=virtio,snapshot=on"
    ];
in
{
  name = "no-root";

  nodes = { };

  testScript = ''
    # Of GRUB, of systemd in the initrd, and of the initrd before it.
    starts = "Booting `|Welcome to |NixOS Stage 1"

    for name, command in [
        ("script", "${start "script" { }}"),
        ("bare", "${
          start "bare" {
            boot.initrd.systemd.services.panic-on-fail.serviceConfig.ExecStart = lib.mkForce "/nowhere/panic";
          }
        }"),
    ]:
        with subtest(name):
            machine = create_machine(command, name=name)
            machine.start(allow_reboot=True)
            for text in [starts, "Timed out waiting for device", starts]:
                machine.wait_for_console_text(text, timeout=300)
            machine.crash()
  '';
}
