# What a host may do wrong, for the checks to see.
hosts:
let
  x43 = builtins.concatStringsSep "" (builtins.genList (_: "x") 43);
in
{
  warning.warnings = [ "the disk is made of cheese" ];
  assertion.assertions = [
    {
      assertion = false;
      message = "the disk is made of cheese";
    }
  ];
  memory.flakeship.memory = 1024;
  registry =
    { lib, ... }:
    {
      nixpkgs.flake.setFlakeRegistry = lib.mkForce true;
    };
  channel =
    { pkgs, ... }:
    {
      environment.etc.nixpkgs.source = pkgs.runCommand "channel" { } ''
        cp -r ${pkgs.lib.cleanSource pkgs.path} "$out"
      '';
    };
  flake.environment.etc.host.source = "${hosts}/hosts";
  key.environment.etc.key.text = "-----BEGIN OPENSSH PRIVATE KEY-----";
  age.systemd.services.age.script = "AGE=AGE-SECRET-KEY-1QQQ";
  tunnel.environment.etc.tunnel.text = "[WireGuard]\nPrivateKey = ${x43}=\n";
  crypt6.users.users.other = {
    isNormalUser = true;
    hashedPassword = "$6$salt$" + x43 + x43;
  };
  yescrypt.environment.etc.password.text = "root:$y$j9T$salt$" + x43 + ":1::::::";
}
