# Boots as anything and becomes, at its first boot, the configuration on its disks; without any it
# stays this plain machine. One read-only image serves a whole fleet (templates/fleet).
{
  imports = [ ../modules/self-specialise.nix ];

  flakeship = {
    # It evaluates and builds a system.
    memory = 2048;
    # Here nixpkgs' source is wanted: a machine builds itself without asking GitHub for it.
    closureBudget = 2500;
  };
}
