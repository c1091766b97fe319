{
  description = "NixOS hosts as images and servers: what Flakeship takes from a flake to a verified server";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    # A directory with the file authorized_keys. Flakeship overrides it; this one has no key.
    access = {
      url = "path:./access";
      flake = false;
    };
  };

  outputs =
    { nixpkgs, access, ... }:
    let
      system = "x86_64-linux";
      pkgs = nixpkgs.legacyPackages.${system};
      lib = import ./lib { inherit nixpkgs; };
      hosts = lib.mkFlake {
        inherit access;
        hosts = ./hosts;
        configurations = {
          all-in-one = "raw";
          base = "qemu";
          control-plane = "raw";
          golden = "proxmox";
          worker = "raw";
        };
      };
    in
    hosts
    // {
      inherit lib;
      nixosModules = import ./modules/names.nix;

      templates = {
        default = {
          path = ./templates/server;
          description = "A repository of servers of your own";
        };
        fleet = {
          path = ./templates/fleet;
          description = "Machines that become, at their first boot, what their disks say";
        };
        project = {
          path = ./templates/project;
          description = "A Pulumi project with a flake of its own, for `pulumi new`";
        };
      };

      checks.${system} =
        hosts.checks.${system}
        // import ./tests { inherit pkgs nixpkgs; }
        // {
          format = pkgs.runCommand "format" { nativeBuildInputs = [ pkgs.nixfmt ]; } ''
            find ${./.} -name '*.nix' -exec nixfmt --check {} +
            touch "$out"
          '';
        };

      formatter.${system} = pkgs.nixfmt-tree;

      devShells.${system}.default = pkgs.mkShellNoCC {
        packages = [
          pkgs.pulumi
          pkgs.pulumiPackages.pulumi-python
          pkgs.uv
          pkgs.python3
          pkgs.openstackclient
          pkgs.qemu_kvm
          pkgs.nixfmt
          pkgs.nvd
          pkgs.shellcheck
        ];
      };
    };
}
