{
  description = "NixOS hosts as images and servers: what Flakeship takes from a flake to a verified server";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    # A directory with the file authorized_keys, which Flakeship overrides; the one here has no key.
    access = {
      url = "path:./access";
      flake = false;
    };
  };

  outputs =
    { nixpkgs, access, ... }:
    let
      lib = import ./lib { inherit nixpkgs; };
    in
    lib.mkFlake {
      inherit access;
      hosts = ./hosts;
    }
    // {
      inherit lib;
      nixosModules.default = ./modules;
    };
}
