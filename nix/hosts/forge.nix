# A Git forge. One server can be the gateway too: with one more line in `imports`,
# ../modules/gateway.nix, and what gateway.nix says of it.
{
  imports = [
    ../modules/hardened.nix
    ../modules/forge.nix
  ];

  # With a name in DNS, `acme = true;` has it certified.
  flakeship.web.domain = "forge.example.org";

  flakeship.memory = 2048;
  flakeship.closureBudget = 1500;
}
