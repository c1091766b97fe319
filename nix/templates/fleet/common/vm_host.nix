# A virtual machine.
{
  imports = [
    ./.
    ./vm_host_base.nix
  ];

  zramSwap.enable = true;
}
