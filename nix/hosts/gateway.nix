# Access to the network of this machine by WireGuard. A client:
#   flakeship.gateway.peers.laptop = { publicKey = "…"; allowedIPs = [ "10.100.0.2/32" ]; };
# With ../modules/forge.nix among its `imports`, it is a forge too.
{
  imports = [
    ../modules/hardened.nix
    ../modules/gateway.nix
  ];

  flakeship.closureBudget = 1000;
}
