# The cloud kernel with the few modules a virtual machine needs, and the initrd that finds the root.
{
  packages,
  bootModules,
  modules,
}:
rec {
  kernel = packages.run "appliance-kernel" ../build/kernel.sh {
    inherit (packages) tools base kernelTree;
    inherit modules bootModules;
  };
  initrd = packages.run "appliance-initrd" ../build/initrd.sh {
    inherit (packages) tools base;
    inherit kernel;
    stage1 = ../boot/stage1.sh;
  };
}
