# Into the network of this machine by WireGuard. A client:
#   flakeship.gateway.peers.laptop = { publicKey = "…"; allowedIPs = [ "10.100.0.2/32" ]; };
# On one server with the forge: `imports = [ ../modules/forge.nix ../modules/gateway.nix ];`
{
  imports = [
    ../modules/hardened.nix
    ../modules/gateway.nix
  ];

  flakeship.closureBudget = 1000;
}
