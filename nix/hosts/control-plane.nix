# The control plane of a Kubernetes cluster, for bare metal.
{
  imports = [
    ../profiles/bare-metal.nix
    ../modules/kubernetes.nix
  ];

  services.kubernetes = {
    roles = [ "master" ];
    masterAddress = "control-plane";
  };
}
