# What every host has: reachable by key alone, and small.
{
  imports = [
    ./host.nix
    ./netboot.nix
    ./access.nix
    ./network.nix
    ./console.nix
    ./identity.nix
    ./kernel.nix
    ./data-disks.nix
    ./lean.nix
  ];
}
