# Real hardware of whatever make: netbooted and installed it runs with the same drivers.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.flakeship.hardware;
in
{
  options.flakeship.hardware = {
    firmware = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether devices get the firmware that may be redistributed. It is larger than all else
        together: far above a netboot image's budget.
      '';
    };
    kernel = mkOption {
      type = types.nullOr types.raw;
      default = null;
      example = lib.literalExpression "pkgs.linuxPackages_latest";
      description = "Another kernel than nixpkgs' default, with its packages.";
    };
    modules = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "bnx2x" ];
      description = "Kernel modules that are loaded early, in the initrd, whatever hardware is found.";
    };
    parameters = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "pci=nomsi" ];
      description = "Kernel parameters.";
    };
    packages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      example = lib.literalExpression "[ pkgs.ipmitool ]";
      description = "Programs for this hardware.";
    };
    quirks = mkOption {
      type = types.attrsOf (types.attrsOf types.str);
      default = { };
      example = {
        ixgbe.allow_unsupported_sfp = "1";
      };
      description = "Options of drivers, by module: kernel parameters, so that they hold in the initrd too.";
    };
  };

  config = {
    boot.kernelPackages = lib.mkIf (cfg.kernel != null) cfg.kernel;
    boot.initrd.kernelModules = cfg.modules;
    boot.kernelParams =
      cfg.parameters
      ++ lib.concatLists (
        lib.mapAttrsToList (
          module: lib.mapAttrsToList (name: value: "${module}.${name}=${value}")
        ) cfg.quirks
      );
    environment.systemPackages = cfg.packages;

    # The drivers to find a root with; netbooted, the root is in memory, and what comes later is
    # loaded from all the kernel's modules anyway.
    hardware.enableAllHardware = config.flakeship.variant != "netboot";
    # `enableAllHardware` would bring all of it.
    hardware.enableRedistributableFirmware = lib.mkForce cfg.firmware;
    boot.initrd.availableKernelModules = lib.mkIf config.hardware.enableAllHardware [
      # RAID controllers of servers that it does not have.
      "aacraid"
      "megaraid_sas"
      "mpi3mr"
      "mpt3sas"
      "smartpqi"
    ];
  };
}
