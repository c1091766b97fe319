# What the tests know of each host in each variant: one derivation whose environment holds the values
# that are asserted on, as a manifest does, so that the evaluation cache answers the next run. The
# manifest's own derivation is among its inputs: one evaluation makes both.
{
  inputs = {
    hosts.url = "path:../nix";
    access = {
      url = "path:./access";
      flake = false;
    };
  };

  outputs =
    { hosts, access, ... }:
    let
      inherit (hosts.inputs.nixpkgs) lib;
      plain = builtins.unsafeDiscardStringContext;

      # Every host in every variant, with some modules more.
      changed =
        modules:
        lib.mapAttrs' (file: _: rec {
          name = lib.removeSuffix ".nix" file;
          value = lib.mapAttrs (known name) (
            hosts.lib.mkHost {
              inherit name modules access;
              module = hosts + "/hosts/${file}";
            }
          );
        }) (lib.filterAttrs (file: _: lib.hasSuffix ".nix" file) (builtins.readDir (hosts + "/hosts")));

      known =
        name: variant: host:
        derivation {
          name = "facts-${name}-${variant}";
          system = "x86_64-linux";
          builder = "/bin/sh";
          inherit (host) release;
          releaseDrv = plain host.release.drvPath;
          sources = builtins.toJSON (
            map plain [
              hosts.outPath
              hosts.inputs.nixpkgs.outPath
            ]
          );
          facts = plain (builtins.toJSON (import ./facts.nix host));
        };
    in
    {
      facts = changed [ ];
      disk = changed [ { flakeship.image.disk = 7777; } ];
      trusted = changed [ { flakeship.trustedUser = true; } ];
      # Never switched, without Nix.
      appliance = changed [
        (
          { modulesPath, ... }:
          {
            imports = [ (modulesPath + "/profiles/image-based-appliance.nix") ];
          }
        )
      ];
      wrong = lib.mapAttrs (_: module: changed [ module ]) (import ./wrong.nix hosts);
    };
}
