# A page behind TLS, and a path that reports health: the example for your own checks.
# With a name in DNS: `flakeship.web = { domain = "www.example.org"; acme = true; };`
{ pkgs, ... }:
{
  imports = [
    ../modules/hardened.nix
    ../modules/web.nix
  ];

  services.nginx.virtualHosts.web = {
    root = pkgs.writeTextDir "index.html" ''
      <!doctype html>
      <title>web</title>
      <h1>It works</h1>
    '';
    locations."= /health" = {
      return = ''200 "ok\n"'';
      extraConfig = "default_type text/plain;";
    };
  };

  flakeship.closureBudget = 1000;
}
