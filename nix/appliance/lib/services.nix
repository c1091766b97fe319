# The services every appliance has, in the order they start; a host adds its own.
{ host }:
{
  firewall = {
    oneshot = true;
    command = "/usr/lib/appliance/firewall";
    description = "Firewall";
    reloadOn = [ "nftables.conf" ];
  };
  network = {
    command = "/usr/lib/appliance/network";
    description = "Network";
  };
  sshd = {
    command = "/usr/lib/appliance/sshd";
    description = "SSH server";
    reloadOn = [ "appliance.conf" ];
  };
  power-button = {
    command = "/usr/lib/appliance/power-button";
    description = "ACPI power button";
  };
  disks = {
    oneshot = true;
    command = "/usr/lib/appliance/disks";
    description = "Root file system growth and data disks";
  };
  config-drive = {
    oneshot = true;
    command = "/usr/lib/appliance/config-drive";
    description = "OpenStack config drive";
  };
  flakeship-address = {
    command = "flakeship-address keep";
    restart = "on-failure";
    description = "Service address of the active machine";
  };
  guest-agent = {
    command = "/usr/lib/appliance/guest-agent";
    restart = "on-failure";
    description = "QEMU guest agent";
  };
  web = {
    command = "httpd -f -p 80 -h /etc/www";
    description = "Web page";
    reloadOn = [ "www/index.html" ];
  };
  nix-daemon = {
    command = "nix-daemon";
    description = "Nix daemon";
  };
}
