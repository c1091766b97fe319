# Secrets that are not in the store. At its first boot a machine creates a key and prints the public
# half on its console: encrypt to it (`age -r age1… -o token.age token`), name the file in
# `flakeship.age.secrets`, and switch the machine to that. The encrypted file may be in the store.
#
# An image cannot bring a secret to a machine without a key, and a new release is a new machine with a
# new key, unless the key is on a data disk.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.flakeship.age;
in
{
  options.flakeship.age = {
    key = mkOption {
      type = types.str;
      default = "/var/lib/age/key.txt";
      description = "The machine's private key; on a data disk it survives a release.";
    };
    secrets = mkOption {
      type = types.attrsOf types.path;
      default = { };
      example = lib.literalExpression "{ token = ./token.age; }";
      description = ''
        Encrypted files, each of which `secret-<name>.service` decrypts into `/run/secrets/<name>`,
        for root. A service that requires it and comes after it hands it on by
        `LoadCredential = "token:/run/secrets/token"`.
      '';
    };
  };

  config.environment.systemPackages = [ pkgs.age ];

  config.systemd.services = {
    age-key = {
      description = "Make this machine's age key and say who it is for";
      wantedBy = [ "multi-user.target" ];
      unitConfig.RequiresMountsFor = dirOf cfg.key;
      path = [ pkgs.age ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        UMask = "0077";
        # The secrets wait for it, and what uses them: see web.nix.
        Restart = "on-failure";
        RestartMode = "direct";
        RestartSec = 5;
      };
      script = ''
        key=${lib.escapeShellArg cfg.key}
        if ! [ -s "$key" ]; then
          mkdir -p "$(dirname "$key")"
          rm -f "$key.new"
          age-keygen -o "$key.new" 2> /dev/null
          sync "$key.new"
          mv "$key.new" "$key"
        fi
        printf '\nage recipient of this machine: %s\n' "$(age-keygen -y "$key")" > /dev/console
      '';
    };
  }
  // lib.mapAttrs' (name: file: {
    name = "secret-${name}";
    value = {
      description = "Decrypt the secret ${name}";
      wantedBy = [ "multi-user.target" ];
      requires = [ "age-key.service" ];
      after = [ "age-key.service" ];
      path = [ pkgs.age ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        UMask = "0077";
        RuntimeDirectory = "secrets";
        RuntimeDirectoryMode = "0700";
        RuntimeDirectoryPreserve = true;
      };
      script = ''
        age --decrypt --identity ${lib.escapeShellArg cfg.key} \
          --output /run/secrets/${lib.escapeShellArg name} ${lib.escapeShellArg "${file}"}
      '';
    };
  }) cfg.secrets;
}
