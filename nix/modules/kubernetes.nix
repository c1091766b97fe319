# Kubernetes from nixpkgs as a role. What it still needs to hear from a host is `roles` and
# `masterAddress`, a name that every node resolves: certificates are issued for names, and etcd's
# member has the control plane's. So a node's name is fixed, and each node is a host of its own. No
# secret is in an image: the control plane makes its CA and a token when it first starts, and a node
# joins with `nixos-kubernetes-node-join`.
{
  config,
  lib,
  pkgs,
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
  # Programs in Go: those of a control plane alone fill half of the usual budget.
  flakeship.netboot.initrdBudget = lib.mkDefault 450;

  # A node has no use for most of what is in the package. A copy of what it does use needs no compiler.
  services.kubernetes.package = lib.mkIf (!master) (
    pkgs.runCommand "kubernetes-node-${pkgs.kubernetes.version}"
      { passthru = { inherit (pkgs.kubernetes) pause; }; }
      ''
        install -D --target-directory="$out/bin" ${pkgs.kubernetes}/bin/{kubelet,kube-proxy}
      ''
  );

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
