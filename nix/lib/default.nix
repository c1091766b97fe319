# From host files to a flake's outputs.
{ nixpkgs }:
let
  inherit (nixpkgs) lib;
  variants = import ../variants;
  mkRelease = import ./release.nix;
  manifest = import ./manifest.nix;

  # The lines of an authorized_keys file that hold keys.
  keysIn =
    file:
    lib.filter (line: line != "" && !lib.hasPrefix "#" line) (
      map lib.trim (lib.splitString "\n" (builtins.readFile file))
    );

  # A host in every variant: the result of `nixosSystem`, with `image` and `release` (the derivation of
  # the manifest). Each variant is evaluated lazily and in one pass; with `image.modules` the host would
  # be evaluated a second time without its variant.
  mkHost =
    {
      name,
      module,
      access,
      modules ? [ ],
    }:
    lib.mapAttrs (
      variant: image:
      let
        host = lib.nixosSystem {
          # For `imports` in host files of another repository. Not the flake itself, which changes with
          # every commit.
          specialArgs.flakeship.nixosModules = import ../modules/names.nix;
          modules = [
            ../modules
            image
            module
            {
              flakeship = {
                host = name;
                inherit variant;
                authorizedKeys = keysIn "${access}/authorized_keys";
              };
            }
          ]
          ++ modules;
        };
        built = host.config.system.build.image;
      in
      host
      // {
        image = built;
        release = mkRelease {
          image = built;
          inherit (host) config;
        };
      }
    ) variants;

  # `hosts` is a directory, in which a file web.nix is the host web, or a set of modules by name.
  hostsIn =
    hosts:
    if builtins.isAttrs hosts then
      hosts
    else
      lib.mapAttrs' (file: _: {
        name = lib.removeSuffix ".nix" file;
        value = hosts + "/${file}";
      }) (lib.filterAttrs (file: _: lib.hasSuffix ".nix" file) (builtins.readDir hosts));

  # The outputs of a flake of hosts. `configurations` is the variant that each host is rebuilt as
  # (`nixos-rebuild --flake .#web`), by default `openstack`.
  mkFlake =
    {
      hosts,
      access,
      modules ? [ ],
      configurations ? { },
    }:
    let
      each = lib.mapAttrs (
        name: module:
        mkHost {
          inherit
            name
            module
            access
            modules
            ;
        }
      ) (hostsIn hosts);
      unknown = lib.attrNames (removeAttrs configurations (lib.attrNames each));
      machines =
        assert
          unknown == [ ] || throw "mkFlake: configurations has names that are not hosts: ${toString unknown}";
        lib.mapAttrs (name: host: host.${configurations.${name} or "openstack"}) each;
    in
    {
      flakeship = lib.mapAttrs (_: lib.mapAttrs (_: host: host.release)) each;
      # No `packages`: `nix flake check` would evaluate every image in one process.
      legacyPackages.x86_64-linux = lib.mapAttrs (_: lib.mapAttrs (_: host: host.image)) each;
      nixosConfigurations = machines;
      checks.x86_64-linux =
        lib.mapAttrs' (name: machine: {
          name = "${name}-closure";
          value = import ./closure.nix machine;
        }) machines
        // lib.mapAttrs' (name: machine: {
          name = "${name}-manifest";
          value = manifest.check machine;
        }) machines;
    };
in
{
  inherit mkHost mkFlake mkRelease;
  variants = lib.attrNames variants;
}
