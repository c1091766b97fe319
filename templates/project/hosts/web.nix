# The host web: an ordinary NixOS module. SSH by key, the firewall and DHCP are there already; what
# only some hosts want is in flakeship.nixosModules.
{ flakeship, ... }:
{
  imports = [ flakeship.nixosModules.hardened ];

  networking.firewall.allowedTCPPorts = [ 80 ];
  services.caddy = {
    enable = true;
    virtualHosts.":80".extraConfig = ''respond "hello"'';
  };
}
