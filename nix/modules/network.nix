# DHCP and router advertisements on whatever interface there is; only SSH comes in.
{ config, lib, ... }:
{
  networking = {
    useNetworkd = true;
    nftables.enable = true;
    firewall.enable = true;
    # The name comes with DHCP or from cloud-init: the same image serves many machines.
    hostName = lib.mkDefault "";
  };
  # networkd may not take the name from DHCP without polkit (NixOS/nixpkgs#364198), which has systemd's
  # own rule for that; its setuid pkexec nobody needs. cloud-init sets the name itself.
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
