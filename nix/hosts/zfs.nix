# A server with its root on ZFS, which grows with the disk (8 GiB at first).
{
  imports = [
    ../modules/hardened.nix
    ../modules/zfs-root.nix
  ];

  flakeship.memory = 2048;
}
