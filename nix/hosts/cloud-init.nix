# For every cloud that provides a key and a name by cloud-init: the user `nixos` with sudo may log in,
# root may not. Kernel and image size can be set without an edit, see ../default.nix.
{
  imports = [
    ../modules/hardened.nix
    ../modules/cloud-init.nix
  ];

  flakeship.closureBudget = 1300;
}
