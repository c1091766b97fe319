# The template for Proxmox, to clone from: user, password hash (for the console), keys and a static
# address come from each clone's cloud-init drive, and the guest agent reports its address.
# Give the machine a serial port (`serial0: socket`) and the drive (`ide2: …:cloudinit`).
{
  imports = [ ./cloud-init.nix ];

  services.qemuGuest.enable = true;
}
