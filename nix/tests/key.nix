# A public key pair of the test suite: the user that logs in with it, and the command prefix to do so.
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
