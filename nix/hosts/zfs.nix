# A server with its root on ZFS.
{
  imports = [ ../modules/zfs-root.nix ];

  flakeship.memory = 2048;
}
