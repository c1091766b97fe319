# The role of a server, held back in a netbooted system, which is there to be installed: the role's
# units are in the image, and `systemctl start` starts them, but no target wants them. Installed, they
# start with the machine, and this module changes nothing.
{ config, lib, ... }:
let
  cfg = config.flakeship.role;
  isUnit = unit: (config.systemd.units.${unit}.text or null) != null;
in
{
  options.flakeship.role = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = config.flakeship.variant != "netboot";
      defaultText = lib.literalExpression ''config.flakeship.variant != "netboot"'';
      description = ''
        Whether the role's units start by themselves. A rack that runs from memory says `true`. What
        a unit's name cannot say (an open port, say) a host makes depend on this: `lib.mkIf`.
      '';
    };
    units = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [
        "nginx.service"
        "backup.timer"
      ];
      description = "The units of the role, from any module that the host imports.";
    };
  };

  config = {
    systemd.units = lib.mkIf (!cfg.enable) (
      lib.genAttrs cfg.units (_: {
        wantedBy = lib.mkForce [ ];
        requiredBy = lib.mkForce [ ];
        upheldBy = lib.mkForce [ ];
      })
    );
    assertions = [
      {
        assertion = lib.all isUnit cfg.units;
        message = "flakeship.role.units: no such unit: ${
          toString (lib.filter (unit: !isUnit unit) cfg.units)
        }";
      }
    ];
  };
}
