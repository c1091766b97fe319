# Who may log in: one user, by key, with sudo. Nobody by password, root not at all.
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
    # Evaluated without keys it is still a system; nobody can log in to it then.
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
