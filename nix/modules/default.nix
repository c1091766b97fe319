# What every host has: it is small, and accepts logins by key only.
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
    ./service-address.nix
    ./lean.nix
  ];
}
