# What every machine has in addition to Flakeship's modules (SSH by key alone, networkd, a firewall).
{ flakeship, pkgs, ... }:
{
  imports = [ flakeship.nixosModules.default ];

  flakeship.authorizedKeys = [
    # The public keys that may log in as `nixos`.
  ];
  environment.systemPackages = [
    pkgs.htop
    pkgs.vim
  ];
}
