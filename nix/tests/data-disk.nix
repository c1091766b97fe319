# A data disk is mounted when it is attached and at boot, and services with data on it start and stop with it.
{
  name = "data-disk";

  nodes.machine = {
    imports = [
      ../modules
      ../modules/age-key.nix
    ];
    networking.hostName = "machine";
    flakeship = {
      host = "machine";
      variant = "qemu";
      age.key = "/data/keys/age.txt";
      dataDisks.keys = [ "age-key" ];
    };
    virtualisation.emptyDiskImages = [
      {
        size = 64;
        driveConfig.deviceExtraOpts.serial = "pg";
      }
    ];
  };

  testScript = ''
    import tempfile

    machine.wait_for_unit("multi-user.target")
    disk = "/dev/disk/by-id/virtio-pg"

    with subtest("a blank disk is left alone, and mounted once it has a file system"):
        machine.succeed(f"udevadm settle && test -b {disk}")
        machine.fail("mountpoint /data/pg")
        machine.succeed(f"mkfs.ext4 -q {disk}")
        machine.wait_until_succeeds("mountpoint /data/pg", timeout=60)

    with subtest("it stays unmounted until it is plugged in again"):
        machine.succeed("systemctl stop data-pg.mount")
        machine.succeed(f"udevadm trigger --settle --action=change {disk} && sleep 3")
        machine.fail("mountpoint /data/pg")

    with subtest("it is mounted at boot"):
        machine.shutdown()
        machine.start()
        machine.wait_until_succeeds("mountpoint /data/pg", timeout=60)

    with subtest("what lives on a disk waits for it"):
        machine.wait_for_unit("multi-user.target")
        machine.fail("systemctl is-active age-key.service")
        image = tempfile.NamedTemporaryFile()
        image.truncate(64 << 20)
        machine.send_monitor_command(f"drive_add 0 if=none,id=keys,format=raw,file={image.name}")
        machine.send_monitor_command("device_add virtio-blk-pci,id=disk-keys,drive=keys,serial=keys")
        machine.succeed("udevadm wait --timeout=60 /dev/disk/by-id/virtio-keys")
        machine.succeed("mkfs.ext4 -q /dev/disk/by-id/virtio-keys")
        machine.wait_for_unit("age-key.service")
        machine.succeed("mountpoint /data/keys && test -s /data/keys/age.txt")

    with subtest("and stops before it goes"):
        machine.succeed("systemctl stop data-keys.mount")
        machine.fail("systemctl is-active age-key.service", "mountpoint /data/keys")
        machine.send_monitor_command("device_del disk-keys")
        machine.wait_until_fails("test -e /dev/disk/by-id/virtio-keys", timeout=60)
        assert machine.succeed("systemctl list-units --failed --plain --no-legend") == ""
  '';
}
