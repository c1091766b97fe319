# A machine of the fleet. On the disk NIXOS-SELF of a machine that is one, default.nix says so:
#   { imports = [ ../example ]; networking.hostName = "example-1"; }
{
  imports = [ ../../common/vm_host.nix ];

  networking.firewall.allowedTCPPorts = [ 80 ];
  services.caddy = {
    enable = true;
    virtualHosts.":80".extraConfig = ''respond "hello"'';
  };
}
