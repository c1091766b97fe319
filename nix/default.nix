# The images of the flake for plain `nix build`, as <host>.<variant>:
#
#     nix build --file nix cloud-init.raw
#     nix build --file nix cloud-init.openstack --arg kernelLatest false --arg diskSize 8192
#     nix build --file nix golden.proxmox --arg access ~/keys
#
# kernelLatest: the latest kernel or nixpkgs' default; diskSize: the image's virtual size in MiB; without
# them the host's file decides. access: a directory with the file authorized_keys.
{
  kernelLatest ? null,
  diskSize ? null,
  access ? ./access,
  nixpkgs ? (builtins.getFlake (toString ./.)).inputs.nixpkgs,
  # Without `...` Nix silently omits arguments that the function does not take.
  ...
}@arguments:
let
  inherit (nixpkgs.lib) attrNames mkForce mkIf;
  unknown = removeAttrs arguments [
    "kernelLatest"
    "diskSize"
    "access"
    "nixpkgs"
  ];
  flakeship = import ./lib { inherit nixpkgs; };
in
assert
  unknown == { }
  || throw "no such argument: ${toString (attrNames unknown)}; there are kernelLatest, diskSize and access";
(flakeship.mkFlake {
  hosts = ./hosts;
  # A string, so that only the file is read: a path would copy the directory to the store.
  access = toString access;
  modules = [
    {
      flakeship.kernelLatest = mkIf (kernelLatest != null) (mkForce kernelLatest);
      flakeship.image.disk = mkIf (diskSize != null) (mkForce diskSize);
    }
  ];
}).legacyPackages.x86_64-linux
