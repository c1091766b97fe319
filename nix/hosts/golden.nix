# For Proxmox VE, in the variant proxmox: what the target `proxmox` makes a template of, and clones. User,
# password hash (for the console), keys, name and address, static or by DHCP, come from each clone's
# cloud-init drive, and the guest agent reports its addresses. A clone made by hand needs the drive
# (`ide2: …:cloudinit`) and a serial port (`serial0: socket`), on which the host keys are printed.
{
  imports = [ ./cloud-init.nix ];

  services.qemuGuest.enable = true;
}
