# Kernel, initrd (which holds the system) and an iPXE script, in one folder, because the script names
# the system. The root is in memory.
{
  config,
  lib,
  pkgs,
  modulesPath,
  ...
}:
let
  cfg = config.flakeship;
  inherit (config.system) build;
  inherit (config.boot.kernelPackages) kernel;
  limit = megabytes: toString (megabytes * 1000 * 1000);
  # While the initrd is unpacked it is in memory twice; then there is room to work.
  needed =
    (cfg.netboot.kernelBudget + 2 * cfg.netboot.initrdBudget) * 1000 * 1000 / 1024 / 1024 + 512;
in
{
  # Not netboot-minimal: it has empty passwords. What this one reads from the kernel's command line,
  # `live.nixos.password=`, sets root's password where that is empty: ours is locked.
  imports = [ (modulesPath + "/installer/netboot/netboot.nix") ];

  flakeship.image = {
    format = "netboot";
    files = [
      kernel.target
      "initrd"
      "netboot.ipxe"
    ];
  };
  flakeship.memory = lib.mkDefault 2048;
  assertions = [
    {
      assertion = cfg.memory >= needed;
      message = ''
        flakeship.memory: a netbooted system with these budgets needs ${toString needed} MiB or more, got
        ${toString cfg.memory}. Give it more, or lower flakeship.netboot.initrdBudget.
      '';
    }
  ];

  # It is loaded over the network and into memory at every boot: it must be small.
  netboot.squashfsCompression = lib.mkDefault "xz -Xdict-size 100% -Xbcj x86";
  # It needs Python, and a rebuild would not survive the next boot.
  system.tools.nixos-rebuild.enable = lib.mkDefault false;

  system.modulesTree = lib.mkForce (
    [
      (pkgs.runCommand "kernel-modules-for-netboot" { nativeBuildInputs = [ pkgs.kmod ]; } ''
        mkdir -p "$out/lib"
        cp -r ${lib.getOutput "modules" kernel}/lib/modules "$out/lib/"
        chmod -R u+w "$out/lib/modules"
        cd "$out/lib/modules/${kernel.modDirVersion}"
        (cd kernel && rm -rf ${lib.escapeShellArgs cfg.netboot.withoutModules})
        depmod -b "$out" ${kernel.modDirVersion}
      '')
    ]
    ++ config.boot.extraModulePackages
  );

  # What nixos-anywhere looks for (src/get-facts.sh), and what it logs in as from then on.
  system.nixos.variant_id = lib.mkIf cfg.netboot.installer "installer";
  users.users.root.openssh.authorizedKeys.keys = lib.mkIf cfg.netboot.installer cfg.authorizedKeys;
  services.openssh.settings = lib.mkIf cfg.netboot.installer {
    PermitRootLogin = lib.mkForce "prohibit-password";
    AllowUsers = [ "root" ];
  };

  image.filePath = lib.mkForce "netboot.ipxe";
  system.build.image = lib.mkForce (
    pkgs.runCommand "${cfg.host}-${cfg.variant}" { } ''
      fits() {
        size=$(stat --dereference --format=%s "$1")
        echo "$1 has $size bytes, $2 are its budget"
        [ "$size" -le "$2" ]
      }
      mkdir "$out"
      ln -s ${build.kernel}/${config.system.boot.loader.kernelFile} "$out/${kernel.target}"
      ln -s ${build.netbootRamdisk}/initrd "$out/initrd"
      ln -s ${build.netbootIpxeScript}/netboot.ipxe "$out/netboot.ipxe"
      fits "$out/${kernel.target}" ${limit cfg.netboot.kernelBudget}
      fits "$out/initrd" ${limit cfg.netboot.initrdBudget}
    ''
  );
}
