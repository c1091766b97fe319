{
  description = "Our servers";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    # The address of Flakeship, for instance a checkout.
    flakeship = {
      url = "git+file:///path/to/flakeship?dir=nix";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    # The public keys that may log in, in the file authorized_keys. Flakeship overrides it.
    access = {
      url = "path:./access";
      flake = false;
    };
  };

  outputs =
    { flakeship, access, ... }:
    flakeship.lib.mkFlake {
      inherit access;
      # Every file in it is a host.
      hosts = ./hosts;
    };
}
