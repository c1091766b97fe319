# A node of the cluster of control-plane.nix, for a bare machine. Another one is a host file of its own
# that imports this one.
{
  imports = [
    ../profiles/bare-metal.nix
    ../modules/kubernetes.nix
  ];

  services.kubernetes = {
    roles = [ "node" ];
    masterAddress = "control-plane";
  };
}
