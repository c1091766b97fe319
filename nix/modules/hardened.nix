# A smaller attack surface for a server that runs only its configuration. Unchanged: user namespaces,
# which Nix's sandbox needs; forwarding in sshd, which a bastion needs; sshd's algorithms, of which
# nixpkgs' choice is strict already.
{
  boot.kernel.sysctl = {
    # Kernel addresses and messages are for root, and so is loading programs into the kernel.
    "kernel.dmesg_restrict" = 1;
    "kernel.kptr_restrict" = 2;
    "kernel.unprivileged_bpf_disabled" = 1;
    "net.core.bpf_jit_harden" = 2;
    "dev.tty.ldisc_autoload" = 0;
    # This machine neither accepts nor sends redirects.
    "net.ipv4.conf.all.accept_redirects" = 0;
    "net.ipv4.conf.default.accept_redirects" = 0;
    "net.ipv4.conf.all.secure_redirects" = 0;
    "net.ipv4.conf.default.secure_redirects" = 0;
    "net.ipv4.conf.all.send_redirects" = 0;
    "net.ipv4.conf.default.send_redirects" = 0;
    "net.ipv6.conf.all.accept_redirects" = 0;
    "net.ipv6.conf.default.accept_redirects" = 0;
  };
  # The running kernel cannot be replaced.
  security.protectKernelImage = true;
  # Unused protocols, which any user could otherwise have loaded by opening a socket.
  boot.blacklistedKernelModules = [
    "ax25"
    "dccp"
    "n-hdlc"
    "netrom"
    "rds"
    "rose"
    "sctp"
    "tipc"
  ];

  services.openssh.settings = {
    AllowAgentForwarding = false;
    LoginGraceTime = 30;
  };
  # A service that was broken into cannot talk to the Nix daemon.
  nix.settings.allowed-users = [ "@wheel" ];
}
