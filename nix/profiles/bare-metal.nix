# Bare metal: netbooted, then installed to its disk. One host is both: its variant netboot is the
# system to install from, any other variant the installed one.
{ pkgs, ... }:
{
  imports = [
    ../modules/hardware.nix
    ../modules/role.nix
  ];

  environment.systemPackages = [
    pkgs.disko
    pkgs.parted
    pkgs.cryptsetup
    pkgs.lvm2
    pkgs.iproute2
    pkgs.curl
    pkgs.tcpdump
  ];
}
