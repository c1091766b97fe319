# Minimal and hardened, for OpenStack and whatever else boots a disk. There is no cloud-init and nobody
# asks a metadata service: the key comes with the image (the input `access`), address and name with DHCP.
# networkd, nftables, sshd by key alone, GRUB and the serial console are what every host has
# (../modules); flakes are on and git is here, so `nixos-rebuild switch --flake` works on it.
{ lib, pkgs, ... }:
{
  imports = [
    ../modules/hardened.nix
    # Its own key is made at the first boot: what secrets are encrypted to.
    ../modules/age-key.nix
  ];

  environment.systemPackages = with pkgs; [
    age
    # Without Perl and Python, which `nixos-rebuild` has no need of.
    gitMinimal
    vim
    wget
  ];
  nix.settings.substituters = lib.mkForce [ "https://cache.nixos.org" ];

  flakeship.closureBudget = 1000;
}
