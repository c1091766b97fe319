{
  description = "Our machines, which install their configuration at their first boot";

  # A machine made from Flakeship's `base` uses both from its image and records that in
  # /etc/nixos/flake.lock; these addresses are for all others.
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    flakeship = {
      url = "git+file:///path/to/flakeship?dir=nix";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    { nixpkgs, flakeship, ... }:
    let
      inherit (nixpkgs) lib;
      # Written by the machine: the variant of its image and, where they are known, the disk it boots
      # from and its host id.
      machine =
        if lib.pathExists ./machine.json then lib.importJSON ./machine.json else { variant = "openstack"; };
      hosts = lib.filterAttrs (_: type: type == "directory") (builtins.readDir ./hosts);
    in
    {
      # Only a machine has hosts/self: its own configuration.
      nixosConfigurations = lib.mapAttrs (
        name: _:
        lib.nixosSystem {
          specialArgs = { inherit flakeship machine; };
          modules = [
            ./hosts/${name}
            { flakeship.host = lib.mkDefault name; }
          ];
        }
      ) hosts;
    };
}
