# DHCP and router advertisements on every interface; the firewall allows SSH only.
{ config, lib, ... }:
{
  networking = {
    useNetworkd = true;
    nftables.enable = true;
    firewall.enable = true;
    # The name comes from DHCP or from cloud-init: many machines use the same image.
    hostName = lib.mkDefault "";
  };
  # networkd needs polkit to set the name from DHCP (NixOS/nixpkgs#364198), with a rule that systemd
  # brings; its setuid pkexec is not needed. cloud-init sets the name itself.
  security = lib.mkIf (config.networking.hostName == "" && !config.services.cloud-init.enable) {
    polkit.enable = true;
    wrappers.pkexec.enable = lib.mkForce false;
  };
  # Both would listen on every interface.
  services.resolved.settings.Resolve = {
    LLMNR = "no";
    MulticastDNS = "no";
  };
}
