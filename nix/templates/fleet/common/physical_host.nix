# A machine of metal. Its boot loader and fileSystems are its own, in hosts/<name>; or ./vm_host_base.nix
# says them, where the base image was written to its disk; leave `flakeship.selfSpecialise.follow` off
# there, or a USB stick is enough to be root.
{
  lib,
  modulesPath,
  ...
}:
{
  imports = [
    ./.
    (modulesPath + "/installer/scan/not-detected.nix")
  ];

  flakeship.variant = lib.mkDefault "physical";
  boot.initrd.availableKernelModules = [
    "ahci"
    "nvme"
    "usb_storage"
    "xhci_pci"
  ];
  hardware.cpu.amd.updateMicrocode = true;
  hardware.cpu.intel.updateMicrocode = true;
  services.fstrim.enable = true;
}
