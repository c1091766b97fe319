{
  description = "Servers of ours";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    # A checkout of Flakeship, or wherever you keep it.
    flakeship = {
      url = "git+file:///path/to/flakeship?dir=nix";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    # The public keys that may log in: the file authorized_keys in there. Flakeship puts its own.
    access = {
      url = "path:./access";
      flake = false;
    };
  };

  outputs =
    { flakeship, access, ... }:
    flakeship.lib.mkFlake {
      inherit access;
      # Every file in there is a host.
      hosts = ./hosts;
    };
}
