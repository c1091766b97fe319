# A Git forge over HTTPS. With ../modules/gateway.nix among its `imports`, it is a gateway too.
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
