# DHCP and router advertisements on whatever interface there is; only SSH comes in.
{ lib, ... }:
{
  networking = {
    useNetworkd = true;
    nftables.enable = true;
    firewall.enable = true;
    # The name comes with DHCP or from cloud-init: the same image serves many machines.
    hostName = lib.mkDefault "";
  };
  # Both would listen on every interface.
  services.resolved.settings.Resolve = {
    LLMNR = "no";
    MulticastDNS = "no";
  };
}
