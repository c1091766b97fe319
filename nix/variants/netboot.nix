# Kernel, initrd (the system is in it) and an iPXE script, as one folder: they belong together, the
# script names the system. The root is in memory.
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
  limit = mebibytes: toString (mebibytes * 1024 * 1024);
in
{
  # Not netboot-minimal: it has empty passwords.
  imports = [ (modulesPath + "/installer/netboot/netboot.nix") ];

  options.flakeship.netboot = {
    kernelBudget = lib.mkOption {
      type = lib.types.ints.positive;
      default = 30;
      description = "What the kernel may weigh, in MiB; the build fails above it.";
    };
    initrdBudget = lib.mkOption {
      type = lib.types.ints.positive;
      default = 300;
      description = "What the initrd, with the whole system in it, may weigh, in MiB.";
    };
  };

  config = {
    flakeship.image.format = "netboot";
    image.filePath = lib.mkForce "netboot.ipxe";
    system.build.image = lib.mkForce (
      pkgs.runCommand "${cfg.host}-${cfg.variant}" { } ''
        fits() {
          size=$(stat --dereference --format=%s "$1")
          echo "$1 has $size bytes, $2 are its budget"
          [ "$size" -le "$2" ]
        }
        mkdir "$out"
        ln -s ${build.kernel}/${config.system.boot.loader.kernelFile} "$out/${config.boot.kernelPackages.kernel.target}"
        ln -s ${build.netbootRamdisk}/initrd "$out/initrd"
        ln -s ${build.netbootIpxeScript}/netboot.ipxe "$out/netboot.ipxe"
        fits "$out/${config.boot.kernelPackages.kernel.target}" ${limit cfg.netboot.kernelBudget}
        fits "$out/initrd" ${limit cfg.netboot.initrdBudget}
      ''
    );
  };
}
