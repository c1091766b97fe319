# Leaves out what a server does not use, except what it needs to rebuild itself.
{ lib, modulesPath, ... }:
{
  imports = [ (modulesPath + "/profiles/minimal.nix") ];

  documentation.enable = false;
  fonts.fontconfig.enable = lib.mkDefault false;
  programs.nano.enable = lib.mkDefault false;
  # A pinned registry and NIX_PATH would have all of nixpkgs in the closure.
  nix.channel.enable = false;
  nixpkgs.flake = {
    setNixPath = false;
    setFlakeRegistry = false;
  };
  nix.settings.experimental-features = [
    "nix-command"
    "flakes"
  ];
  system.tools = {
    nixos-build-vms.enable = false;
    nixos-generate-config.enable = false;
    nixos-option.enable = false;
  };
  # Never forced: another machine may have the pool open.
  boot.zfs.forceImportRoot = lib.mkDefault false;

  nixpkgs.hostPlatform = lib.mkDefault "x86_64-linux";
  system.stateVersion = lib.mkDefault "26.05";
}
