# A bare machine: netbooted, then installed to its disk. The same host is both: the variant netboot
# is the system that installs, any other the one that is installed.
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
