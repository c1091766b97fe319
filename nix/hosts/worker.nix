# A node of the cluster of control-plane.nix, for bare metal. Each further node is a host file that
# imports this one.
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
