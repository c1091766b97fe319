# At boot, a machine installs the configuration on the disks or shares that are attached to it, and
# reboots into it (see self-specialise.sh). A configuration that imports this module too
# (templates/fleet/common/vm_host_base.nix) can follow its disks when they change.
#
# Trust: whoever can attach a file system labelled NIXOS-FLEET, or a share of that tag, is root at the
# next boot. That is the owner of the hypervisor and, on bare metal, anybody with a USB stick: until a
# configuration is installed and, with `follow`, permanently.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.flakeship;

  # Only what configurations use: with the whole flake (`self`), every commit would change the image.
  # Named `source`, or Nix would copy it once more (NixOS/nix#7075).
  flakeship = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../flake.nix
      ../flake.lock
      ../access
      ../lib
      ../modules
      ../profiles
      ../variants
    ];
  };

  # A path has no date and no revision of its own, and both are in the version that is built.
  revision = lib.trivial.revisionWithDefault null;
  date = builtins.match ''\.([0-9]{8})\..*'' lib.trivial.versionSuffix;
  attributes =
    lib.optional (revision != null) "rev=${revision}"
    ++ lib.optional (date != null) "lastModified=$(date --utc --date=${lib.head date} +%s)";

  script = pkgs.writeShellApplication {
    name = "self-specialise";
    runtimeInputs = [
      config.nix.package
      config.system.build.nixos-rebuild
      config.systemd.package
      pkgs.coreutils
      pkgs.findutils
      pkgs.gnused
      pkgs.gnutar
      pkgs.util-linux
      # For inputs of the fleet's that come by Git and SSH, with the keys of NIXOS-KEYS.
      pkgs.gitMinimal
      config.programs.ssh.package
    ];
    text = lib.readFile ./self-specialise.sh;
  };
in
{
  options.flakeship.selfSpecialise = {
    follow = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether the disks are looked at in every boot, and a configuration that changed there is
        installed. Whoever can attach a disk is then root for as long as the machine lives; without it
        only until a configuration is installed (/var/lib/self-specialise/installed).
      '';
    };
    inputs = lib.mkOption {
      type = lib.types.attrsOf lib.types.str;
      description = ''
        Flake references that take the place of the configuration's inputs of these names: by default
        nixpkgs and Flakeship as this image has them in its store, so that nothing but the binary cache
        is needed. With `lib.mkForce { }` the configuration's own flake.lock decides, and its inputs
        are fetched.
      '';
    };
  };

  # A netbooted system has no disk to install on.
  config = lib.mkIf (cfg.variant != "netboot") {
    flakeship.selfSpecialise.inputs = {
      # Not in the registry: since 2.26 Nix ignores it for the inputs of a flake.
      nixpkgs = "path:${config.nixpkgs.flake.source}?${lib.concatStringsSep "&" attributes}";
      flakeship = "path:${flakeship}";
    };

    assertions = [
      {
        assertion = config.nix.enable && config.system.switch.enable;
        message = "self-specialise builds a configuration on the machine and switches to it: nix.enable and system.switch.enable must be true";
      }
    ];

    systemd.services.self-specialise = {
      description = "Become the configuration on the attached disks";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [
        "network-online.target"
        "nix-daemon.socket"
        # There is no room for the new system before.
        "growpart.service"
        "systemd-growfs-root.service"
      ];
      # A rebuild by hand neither stops nor repeats it.
      restartIfChanged = false;
      unitConfig.X-StopOnRemoval = false;
      environment = {
        HOME = "/root";
        VARIANT = cfg.variant;
        FOLLOW = lib.boolToString cfg.selfSpecialise.follow;
      };
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        RuntimeDirectory = "self-specialise";
        StateDirectory = "self-specialise";
        # Its mounts end with it, however it ends.
        PrivateMounts = true;
      };
      script = ''
        exec ${lib.getExe script} ${
          lib.concatStringsSep " " (
            lib.mapAttrsToList (
              name: reference: ''--override-input ${name} "${reference}"''
            ) cfg.selfSpecialise.inputs
          )
        }
      '';
    };
  };
}
