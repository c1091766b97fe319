# The host web: an ordinary NixOS module. SSH by key, the firewall and DHCP are configured already;
# flakeship.nixosModules has modules that only some hosts need, such as cloud-init: a static address on
# Proxmox VE comes from its drive.
{ flakeship, ... }:
{
  imports = [ flakeship.nixosModules.hardened ];

  networking.firewall.allowedTCPPorts = [ 80 ];
  services.caddy = {
    enable = true;
    virtualHosts.":80".extraConfig = ''respond "hello"'';
  };
}
