# Logins: one user with sudo, by key. No password works, and root cannot log in.
{ config, lib, ... }:
let
  cfg = config.flakeship;
  inherit (config.services) openssh;
in
{
  options.flakeship.authorizedKeys = lib.mkOption {
    type = lib.types.listOf (
      lib.types.addCheck lib.types.singleLineStr (import ../lib/is-public-key.nix)
      // {
        description = "a public key, as a line of authorized_keys";
      }
    );
    default = [ ];
    description = "The public keys that may log in; they come with the flake's input `access`.";
  };
  options.flakeship.trustedUser = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = ''
      Whether Nix takes unsigned store paths from the user, such as a system that was built on another
      machine (`nixos-rebuild --target-host`). To Nix such a user is root, whom the user's sudo reaches
      anyway; every program that the user runs can then do the same without sudo.
    '';
  };

  config = {
    users.mutableUsers = lib.mkDefault false;
    # Without keys the system still evaluates, but nobody can log in to it.
    users.allowNoPasswordLogin = lib.mkDefault (cfg.authorizedKeys == [ ]);
    users.users.${cfg.user} = {
      isNormalUser = true;
      extraGroups = [ "wheel" ];
      openssh.authorizedKeys.keys = cfg.authorizedKeys;
    };
    users.users.root.hashedPassword = lib.mkDefault "!";
    # Without the input `access`, whose default is empty, a rebuild by hand would lock everybody out.
    system.preSwitchChecks = lib.mkIf (cfg.authorizedKeys == [ ] && !openssh.authorizedKeysInHomedir) {
      authorized-keys = ''
        if [ -s /etc/ssh/authorized_keys.d/${cfg.user} ]; then
          echo "this configuration has no key that may log in, and this machine has one: give" \
            "nixos-rebuild the keys, --override-input access path:/directory/with/authorized_keys" >&2
          exit 1
        fi
      '';
    };
    nix.settings.trusted-users = lib.mkIf cfg.trustedUser [ cfg.user ];
    security.sudo.wheelNeedsPassword = false;
    security.sudo.execWheelOnly = lib.mkDefault true;

    services.openssh = {
      enable = true;
      authorizedKeysInHomedir = lib.mkDefault false;
      hostKeys = [
        {
          type = "ed25519";
          path = "/etc/ssh/ssh_host_ed25519_key";
        }
      ];
      settings = {
        PermitRootLogin = "no";
        PasswordAuthentication = false;
        KbdInteractiveAuthentication = false;
        AllowUsers = [ cfg.user ];
      };
    };
  };
}
