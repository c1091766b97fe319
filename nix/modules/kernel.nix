# Which kernel. nixpkgs' default is a long-term one; the latest knows newer hardware, and moves on
# every few weeks, which modules from outside the kernel (ZFS) do not always follow.
{
  config,
  lib,
  pkgs,
  ...
}:
{
  options.flakeship.kernelLatest = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = "Whether the latest kernel runs, rather than nixpkgs' default.";
  };

  config.boot.kernelPackages = lib.mkIf config.flakeship.kernelLatest pkgs.linuxPackages_latest;
}
