# NixOS VM tests: `nix flake check` runs them, on a machine with KVM.
{ pkgs, nixpkgs }:
let
  inherit (pkgs) lib;
  run =
    test:
    pkgs.testers.runNixOSTest {
      imports = [ test ];
      # lean.nix says which platform it is for.
      node.pkgsReadOnly = false;
      # The test driver's root has a password, which is empty; a server's has none.
      defaults.users.users.root.hashedPasswordFile = lib.mkForce null;
      _module.args = { inherit nixpkgs; };
    };
in
lib.mapAttrs (_: run) {
  first-boot = ./first-boot.nix;
  self-specialise = ./self-specialise.nix;
  growing-root = ./growing-root.nix;
  cloud-init = ./cloud-init.nix;
  firewall = ./firewall.nix;
  data-disk = ./data-disk.nix;
  web = ./web.nix;
  no-root = ./no-root.nix;
  appliance = ./appliance.nix;
}
