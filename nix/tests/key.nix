# The test suite's key that everybody knows: who logs in with it, and the way to do so as a prefix.
{ pkgs, ... }:
let
  keys = import (pkgs.path + "/nixos/tests/ssh-keys.nix") pkgs;
in
{
  flakeship.authorizedKeys = [ keys.snakeOilEd25519PublicKey ];
  environment.etc.key = {
    source = keys.snakeOilEd25519PrivateKey;
    mode = "0600";
  };
}
