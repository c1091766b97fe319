# Logins: one user with sudo, by key. No password works, and root cannot log in.
{ config, lib, ... }:
let
  cfg = config.flakeship;
in
{
  options.flakeship.authorizedKeys = lib.mkOption {
    type = lib.types.listOf lib.types.singleLineStr;
    default = [ ];
    description = "The public keys that may log in; they come with the flake's input `access`.";
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
