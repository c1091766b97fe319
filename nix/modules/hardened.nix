# Less to attack, on a server that runs what its configuration says and nothing else. Left alone: user
# namespaces, which Nix' sandbox is made of; forwarding in sshd, which a jump host is made of; sshd's
# algorithms, where nixpkgs' own choice is strict already.
{
  boot.kernel.sysctl = {
    # Kernel addresses and messages are for root, and so is loading programs into the kernel.
    "kernel.dmesg_restrict" = 1;
    "kernel.kptr_restrict" = 2;
    "kernel.unprivileged_bpf_disabled" = 1;
    "net.core.bpf_jit_harden" = 2;
    "dev.tty.ldisc_autoload" = 0;
    # Nobody on the wire tells this machine other routes, nor does it tell anybody.
    "net.ipv4.conf.all.accept_redirects" = 0;
    "net.ipv4.conf.default.accept_redirects" = 0;
    "net.ipv4.conf.all.secure_redirects" = 0;
    "net.ipv4.conf.default.secure_redirects" = 0;
    "net.ipv4.conf.all.send_redirects" = 0;
    "net.ipv4.conf.default.send_redirects" = 0;
    "net.ipv6.conf.all.accept_redirects" = 0;
    "net.ipv6.conf.default.accept_redirects" = 0;
  };
  # The running kernel stays the one that was booted.
  security.protectKernelImage = true;
  # Protocols that nobody here speaks, and that any user could otherwise have loaded by a socket.
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
