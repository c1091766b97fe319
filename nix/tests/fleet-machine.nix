# What the machine in self-specialise.nix becomes, beside the fleet's common/vm_host.nix.
{ lib, modulesPath, ... }:
{
  # Or the test cannot talk to it any more.
  imports = [ (modulesPath + "/testing/test-instrumentation.nix") ];

  users.users.root.hashedPasswordFile = lib.mkForce null;

  networking.hostName = "specialised";
  nix.settings.substituters = lib.mkForce [ ];
}
