# A machine of metal. Its disk layout is its own: hosts/<name> says fileSystems.
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

  flakeship.variant = "physical";
  boot.initrd.availableKernelModules = [
    "ahci"
    "nvme"
    "usb_storage"
    "xhci_pci"
  ];
  boot.loader.systemd-boot.enable = lib.mkDefault true;
  hardware.cpu.amd.updateMicrocode = true;
  hardware.cpu.intel.updateMicrocode = true;
  services.fstrim.enable = true;
}
