# The host web: an ordinary NixOS module. SSH by key, the firewall and DHCP are there already.
{
  networking.firewall.allowedTCPPorts = [ 80 ];
  services.caddy = {
    enable = true;
    virtualHosts.":80".extraConfig = ''respond "hello"'';
  };
}
