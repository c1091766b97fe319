# For every cloud that hands out a key and a name by cloud-init: the user `nixos` with full sudo, root
# not at all. As raw, qcow2 and all else; which kernel and how large without an edit: ../default.nix.
{
  imports = [
    ../modules/hardened.nix
    ../modules/cloud-init.nix
  ];

  flakeship.closureBudget = 1300;
}
