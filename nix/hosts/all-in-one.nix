# A Kubernetes cluster on one machine of bare metal.
{
  imports = [
    ../profiles/bare-metal.nix
    ../modules/kubernetes.nix
  ];

  services.kubernetes = {
    roles = [
      "master"
      "node"
    ];
    masterAddress = "all-in-one";
  };
}
