# Minimal and hardened, for OpenStack and anything else that boots a disk. Without cloud-init and without
# a metadata service: the key comes with the image (the input `access`), address and name from DHCP. Every
# host has networkd, nftables, sshd with keys only, GRUB and the serial console (../modules); flakes and
# git are there, so `nixos-rebuild switch --flake` works on it.
{ lib, pkgs, ... }:
{
  imports = [
    ../modules/hardened.nix
    # Its own key, to which secrets are encrypted, is created at the first boot.
    ../modules/age-key.nix
  ];

  environment.systemPackages = with pkgs; [
    age
    # Without Perl and Python, which `nixos-rebuild` does not need.
    gitMinimal
    vim
    wget
  ];
  nix.settings.substituters = lib.mkForce [ "https://cache.nixos.org" ];

  flakeship.closureBudget = 1000;
}
