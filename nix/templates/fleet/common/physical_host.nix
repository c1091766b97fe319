# Bare metal. Boot loader and fileSystems are in hosts/<name>, or in ./vm_host_base.nix where the base
# image was written to the disk. Leave `flakeship.selfSpecialise.follow` off: with it, a USB stick is
# enough to be root.
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
