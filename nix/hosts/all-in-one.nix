# A Kubernetes cluster of one bare machine.
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
