# Kubernetes from nixpkgs as a role. What it still needs to hear from a host is `roles` and
# `masterAddress`, a name that every node resolves: certificates are issued for names, and etcd's
# member has the control plane's. So a node's name is fixed, and each node is a host of its own. No
# secret is in an image: the control plane makes its CA and a token when it first starts, and a node
# joins with `nixos-kubernetes-node-join`.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.kubernetes;
  inherit (config.flakeship) role;
  master = lib.elem "master" cfg.roles;
in
{
  imports = [ ./role.nix ];

  networking.hostName = config.flakeship.host;
  environment.systemPackages = [ cfg.package ];
  flakeship.memory = lib.mkDefault 2048;
  flakeship.closureBudget = lib.mkDefault 2500;

  flakeship.role.units = [
    "kubernetes.target"
    "kubelet.service"
    "kube-proxy.service"
    "flannel.service"
    "containerd.service"
    "certmgr.service"
  ]
  ++ lib.optionals master [
    "etcd.service"
    "cfssl.service"
    "kube-apiserver.service"
    "kube-controller-manager.service"
    "kube-scheduler.service"
    "kube-addon-manager.service"
  ];

  networking.firewall = lib.mkIf role.enable {
    # The kubelet; and of a control plane the API and the CA that nodes join at.
    allowedTCPPorts = [
      cfg.kubelet.port
    ]
    ++ lib.optionals master [
      cfg.apiserver.securePort
      config.services.cfssl.port
    ];
    # The bridge of the pods: they reach the API of their own node.
    trustedInterfaces = [ "mynet" ];
  };
  services.kubernetes.flannel.openFirewallPorts = role.enable;
}
