# The system: what /run/current-system points to, shaped like NixOS' own.
{
  packages,
  boot,
  host,
  authorizedKeys,
}:
let
  inherit (packages) run writeTree base;
  inherit (builtins)
    attrNames
    concatStringsSep
    genList
    mapAttrs
    replaceStrings
    ;

  lines = concatStringsSep "\n";
  quote = text: "'${replaceStrings [ "'" ] [ "'\\''" ] text}'";
  flag = value: if value then "1" else "";
  buildUsers = genList (i: "nixbld${toString (i + 1)}") 4;

  common = import ./lib/services.nix { inherit host; };
  order = [
    "sshd"
    "firewall"
    "network"
    "config-drive"
    "power-button"
    "disks"
    "flakeship-address"
    "web"
    "nix-daemon"
  ];
  own = builtins.filter (name: !(builtins.elem name order)) (attrNames host.services);
  services = common // host.services;

  # A unit is a shell file of settings; it changes with the files its service reads, so that a switch
  # restarts exactly what an edit concerns.
  unit = name: service: ''
    description=${quote (service.description or name)}
    command=${quote service.command}
    oneshot=${flag (service.oneshot or false)}
    restart=${service.restart or "always"}
    # ${
      concatStringsSep " " (
        map (file: builtins.hashString "sha256" files.${file}) (service.reloadOn or [ ])
      )
    }
  '';
  units = mapAttrs unit services;

  files = {
    "hostname" = host.hostName;
    "motd" = host.motd + "\n";
    "hosts" = "127.0.0.1 localhost ${host.hostName}\n::1 localhost\n";
    "os-release" = lines [
      "ID=nixos"
      "NAME=NixOS"
      "PRETTY_NAME=\"NixOS-shaped appliance ${packages.version}\""
      "VERSION_ID=\"${packages.version}\""
      "VARIANT_ID=appliance"
      ""
    ];
    "passwd" = lines (
      [
        "root:x:0:0:root:/root:/bin/sh"
        "nixos:x:1000:100:nixos:/home/nixos:/bin/sh"
        "nobody:x:65534:65534:nobody:/var/empty:/bin/false"
      ]
      ++ genList (
        i: "nixbld${toString (i + 1)}:x:${toString (30001 + i)}:30000:build user:/var/empty:/bin/false"
      ) 4
      ++ [ "" ]
    );
    "group" = lines [
      "root:x:0:"
      "wheel:x:1:nixos"
      "users:x:100:nixos"
      "nixbld:x:30000:${concatStringsSep "," buildUsers}"
      "nogroup:x:65534:"
      ""
    ];
    "shadow" = lines [
      "root:!:1::::::"
      "nixos:!:1::::::"
      ""
    ];
    "protocols" = "icmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\nipv6-icmp 58 IPv6-ICMP\n";
    "shells" = "/bin/sh\n";
    "profile" = "export PATH=/run/wrappers/bin:/usr/bin\n[ -z \"$PS1\" ] || cat /etc/motd\n";
    "nsswitch.conf" = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nsudoers: files\n";
    "sudoers" = lines [
      "Defaults secure_path=\"/run/wrappers/bin:/usr/bin\""
      "Defaults !pam_acct_mgmt, !pam_setcred, !pam_session"
      "root ALL=(ALL) ALL"
      "%wheel ALL=(ALL) ${if host.sudoWithoutPassword then "NOPASSWD: " else ""}ALL"
      ""
    ];
    # No password is ever right. PAM has nothing else to say, and would take its time for that.
    "pam.d/sudo" = "auth required pam_deny.so\n";
    "nix/nix.conf" = lines [
      "experimental-features = nix-command flakes"
      "trusted-users = root @wheel"
      "substituters ="
      "flake-registry ="
      "sandbox = true"
      "sandbox-paths = /bin/sh=${base}/bin/busybox"
      "max-jobs = auto"
      ""
    ];
    "inittab" = lines [
      "::sysinit:/usr/lib/appliance/boot"
      "::shutdown:/usr/lib/appliance/stop"
      "::ctrlaltdel:/usr/bin/reboot"
      ""
    ];
    "acpi/PWRF/00000080" = "#!/bin/sh\nexec poweroff\n";
    "nftables.conf" =
      lines [
        "flush ruleset"
        "table inet filter {"
        "  chain input {"
        "    type filter hook input priority filter; policy drop;"
        "    iifname \"lo\" accept"
        "    ct state established,related accept"
        "    meta l4proto { icmp, ipv6-icmp } accept"
      ]
      + lines (
        (
          if host.ports == [ ] then
            [ ]
          else
            [ "\n    tcp dport { ${concatStringsSep ", " (map toString host.ports)} } accept" ]
        )
        ++ [
          "  }"
          "}"
          ""
        ]
      );
    "appliance.conf" = "passwordLogin=${flag host.passwordLogin}\n";
    "services/order" = lines (order ++ own ++ [ "" ]);
    "ssh/authorized_keys.d/nixos" = authorizedKeys;
    "www/index.html" = host.webPage + "\n";
    "mke2fs.conf" = lines [
      "[defaults]"
      "base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr"
      "default_mntopts = acl,user_xattr"
      "inode_size = 256"
      "[fs_types]"
      "ext4 = {"
      "features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize"
      "}"
      "small = {"
      "inode_ratio = 4096"
      "}"
      ""
    ];
  }
  // host.extraFiles;

  etc = writeTree "appliance-etc" (
    files
    // builtins.listToAttrs (
      map (name: {
        name = "services/${name}";
        value = units.${name};
      }) (attrNames units)
    )
  );

  sw = run "appliance-software" ./build/software.sh {
    inherit base;
    inherit (boot) kernel;
    scripts = ./guest;
  };
in
run "nixos-system-${host.hostName}-${packages.version}" ./build/toplevel.sh {
  inherit base etc sw;
  inherit (boot) kernel initrd;
  inherit (packages) version;
  kernelParams = concatStringsSep " " [
    "root=LABEL=nixos console=tty0 console=ttyS0 quiet panic=5"
    # QEMU before 8 leaves garbage in the flags after an emulated cmpxchg16b; Linux 6.12 crashes of it.
    "clearcpuid=cx16"
    # What an emulated processor spends seconds on at boot and at every exec, in a machine for tests.
    "mitigations=off lsm=capability audit=0 cryptomgr.notests initcall_blacklist=jent_mod_init tsc=unstable 8250.nr_uarts=1"
  ];
}
