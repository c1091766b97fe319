# Boots anywhere and installs, at its first boot, the configuration on its disks; without one it stays
# an ordinary machine. One read-only image is enough for a whole fleet (templates/fleet).
{
  imports = [ ../modules/self-specialise.nix ];

  flakeship = {
    # It evaluates and builds a system.
    memory = 2048;
    # With nixpkgs' source, so that a machine can build itself without fetching it from GitHub.
    closureBudget = 2500;
  };
}
