# Stands in for nixpkgs, as far as nix/lib needs it: a system has what its modules say of `flakeship`
# as plain values, and its image is a plain derivation that nobody builds.
{
  outputs =
    _:
    let
      thing =
        name: values:
        derivation (
          {
            inherit name;
            system = "x86_64-linux";
            builder = "/bin/sh";
          }
          // values
        );
      string = import ./string.nix;
    in
    {
      lib = string // {
        inherit (builtins)
          attrNames
          filter
          mapAttrs
          pathExists
          ;
        importJSON = file: builtins.fromJSON (builtins.readFile file);
        mkDefault = value: value;
        filterAttrs =
          keep: set:
          removeAttrs set (builtins.filter (name: !(keep name set.${name})) (builtins.attrNames set));
        mapAttrs' =
          change: set: builtins.listToAttrs (map (name: change name set.${name}) (builtins.attrNames set));
        nixosSystem =
          { modules, ... }:
          let
            given = builtins.foldl' (all: each: all // each.flakeship or { }) { } (
              builtins.filter builtins.isAttrs modules
            );
          in
          {
            pkgs = {
              closureInfo = _: thing "closure-info" { };
              runCommand =
                name: values: _:
                thing name values;
            };
            config = {
              flakeship = {
                version = "1";
                user = "nixos";
                memory = 512;
                rebuildable = true;
                switchable = true;
                closureBudget = 100;
              }
              // given
              // {
                image = {
                  format = "qcow2";
                  firmware = "hybrid";
                  agent = true;
                  disk = "auto";
                  files = [ "${given.host}.qcow2" ];
                }
                // given.image or { };
              };
              system.build = rec {
                toplevel = thing "system-${given.host}" { };
                image = thing "image-${given.host}-${given.variant}" {
                  inherit toplevel;
                  keys = given.authorizedKeys;
                };
              };
            };
            inherit modules;
          };
      };
    };
}
