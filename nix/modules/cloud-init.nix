# Key, user, name and network come from cloud-init, in addition to the keys in the image: from a drive
# (ConfigDrive of OpenStack, NoCloud of Proxmox and others) or OpenStack's metadata service. So user
# data decides who may log in, by key, and not only the image.
{ config, lib, ... }:
let
  cfg = config.flakeship;
in
{
  flakeship.kernelLatest = lib.mkDefault true;

  services.cloud-init = {
    enable = true;
    network.enable = true;
    settings = {
      datasource_list = [
        "ConfigDrive"
        "NoCloud"
        "OpenStack"
        "None"
      ];
      # Used only where the firmware reports OpenStack and there is no drive.
      datasource.OpenStack = {
        max_wait = 10;
        timeout = 5;
        retries = 2;
      };

      # nixpkgs' defaults are whole attributes: what is changed in part has to be set in full.
      system_info = {
        distro = "nixos";
        network.renderers = [ "networkd" ];
        # A user name from the drive (`user:`, Proxmox's ciuser) gets the same groups.
        default_user = {
          name = cfg.user;
          groups = [ "wheel" ];
        };
      };
      users = [ "default" ];
      disable_root = true;

      # Host keys are made by sshd-keygen, early, and announced; none is thrown away or added later.
      ssh_deletekeys = false;
      ssh_genkeytypes = [ ];

      # What can work on NixOS and is not done already: the root grows by itself, the host keys are
      # announced by ./console.nix, and packages, mounts and certificates are the configuration's.
      cloud_init_modules = [
        "seed_random"
        "bootcmd"
        "write_files"
        "update_hostname"
        "users_groups"
        "ssh"
      ];
      cloud_config_modules = [
        "set_passwords"
        "runcmd"
      ];
      cloud_final_modules = [
        "scripts_per_once"
        "scripts_per_boot"
        "scripts_per_instance"
        "scripts_user"
        "phone_home"
        "final_message"
        "power_state_change"
      ];
    };
  };
  # Its network stage may ask a service that does not answer; nixpkgs has sshd and its keys wait.
  systemd.services.cloud-init.before = lib.mkForce [ ];

  # A drive of Proxmox VE calls network cards eth0, eth1 by their order, with their MAC addresses. Under
  # the kernel's names none of them is renamed while it is set up.
  networking.usePredictableInterfaceNames = false;

  # cloud-init writes users, their passwords (for the console: sshd takes none, and `ssh_pwauth: true`
  # fails, for its configuration is in the store), their keys and sudo rules.
  users.mutableUsers = true;
  services.openssh = {
    authorizedKeysInHomedir = true;
    settings.AllowUsers = lib.mkForce null;
  };
  security.sudo = {
    execWheelOnly = false;
    extraConfig = "@includedir /etc/sudoers.d";
  };
}
