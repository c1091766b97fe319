# Kubernetes from nixpkgs as a role. What it still needs to hear from a host is `roles` and
# `masterAddress`, a name that every node resolves: certificates are issued for names, and etcd's
# member has the control plane's. So a node's name is fixed, and each node is a host of its own. No
# secret is in an image: the control plane makes its CA and a token when it first starts, and a node
# joins with `nixos-kubernetes-node-join`. A node takes the first CA that answers at masterAddress for the
# cluster's (`pki.pkiTrustOnBootstrap`: nixpkgs' join brings a token and no CA). On a network that others
# are in, compare /var/lib/kubernetes/secrets/ca.pem with the control plane's before the join.
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

  # What of the package the role has a use for: a node, two programs of seven. A copy, as another build
  # of it would be in no cache.
  inherit (pkgs) kubernetes;
  unused = [
    "kubeadm"
  ]
  ++ lib.optionals (!master) [
    "kube-apiserver"
    "kube-controller-manager"
    "kube-scheduler"
    "kube-addons"
    ".kube-addons-wrapped"
    "kube-addons-lib.sh"
    "kubectl"
  ];
  own =
    pkgs.runCommand "kubernetes-role-${kubernetes.version}"
      { passthru = { inherit (kubernetes) pause; }; }
      (
        ''
          mkdir "$out"
          cp -r ${kubernetes}/bin "$out/"
          chmod -R u+w "$out"
          cd "$out/bin"
          rm ${toString unused}
        ''
        + lib.optionalString master ''
          # They name the package that they came from.
          sed -i "s|${kubernetes}|$out|g" kube-addons .kube-addons-wrapped
        ''
      );
in
{
  imports = [ ./role.nix ];

  networking.hostName = config.flakeship.host;
  environment.systemPackages = [ cfg.package ];
  flakeship.memory = lib.mkDefault 2048;
  flakeship.closureBudget = lib.mkDefault 2500;
  # More than for any other host: programs in Go are large, and pack badly.
  flakeship.netboot.initrdBudget = lib.mkDefault (if master then 480 else 400);
  services.kubernetes.package = lib.mkDefault own;

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
