# The cloud kernel with the few modules a virtual machine needs, and the initrd that finds the root.
{
  packages,
  bootModules,
  modules,
}:
rec {
  kernel = packages.run "appliance-kernel" ../build/kernel.sh {
    inherit (packages) base kernelTree;
    inherit modules bootModules;
    nativeBuildInputs = packages.tools;
    version = packages.kernelVersion;
  };
  initrd = packages.run "appliance-initrd" ../build/initrd.sh {
    inherit (packages) base;
    inherit kernel;
    nativeBuildInputs = packages.tools;
    stage1 = ../boot/stage1.sh;
  };
}
