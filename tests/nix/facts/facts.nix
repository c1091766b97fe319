# The values of one host in one variant.
{ config, lib, ... }:
let
  inherit (config) boot networking services;
  enabled = lib.filterAttrs (_: each: each.enable or true);
  # Logs in with any password, or with one that is known.
  passwords = user: {
    inherit (user)
      password
      hashedPassword
      initialPassword
      initialHashedPassword
      hashedPasswordFile
      ;
  };
in
{
  assertions = map (each: each.message) (lib.filter (each: !each.assertion) config.assertions);
  inherit (config) warnings;
  stateVersion = config.system.stateVersion;
  image = {
    inherit (config.image) baseName filePath;
    inherit (config.system.image) id version;
    inherit (config.system.build.image) name;
  };
  flakeship = removeAttrs config.flakeship [ "authorizedKeys" ];
  keys = config.flakeship.authorizedKeys;

  sshd = {
    inherit (services.openssh) enable openFirewall authorizedKeysInHomedir;
    inherit (services.openssh.settings)
      PermitRootLogin
      PasswordAuthentication
      KbdInteractiveAuthentication
      ;
  };
  users = lib.mapAttrs (_: user: {
    inherit (user) isNormalUser extraGroups uid;
    passwords = passwords user;
    keys = user.openssh.authorizedKeys.keys;
    keyFiles = map toString user.openssh.authorizedKeys.keyFiles;
  }) config.users.users;
  inherit (config.users) mutableUsers;
  autologin = services.getty.autologinUser;
  sudoWithoutPassword = !config.security.sudo.wheelNeedsPassword;

  firewall = {
    inherit (networking.firewall)
      enable
      allowedTCPPorts
      allowedTCPPortRanges
      allowedUDPPorts
      allowedUDPPortRanges
      trustedInterfaces
      interfaces
      ;
    nftables = networking.nftables.enable;
    forward = lib.optionalString networking.firewall.filterForward networking.firewall.extraForwardRules;
  };
  network = {
    inherit (networking) useNetworkd hostName;
  };

  boot = {
    inherit (boot) kernelParams growPartition;
    inherit (boot.initrd) availableKernelModules kernelModules;
    guard = boot.initrd.systemd.services.restart-on-fail.unitConfig.SuccessAction;
    grub = {
      inherit (boot.loader.grub)
        enable
        device
        devices
        efiSupport
        efiInstallAsRemovable
        ;
    };
    systemdBoot = boot.loader.systemd-boot.enable;
  };
  repart = {
    inherit (config.systemd.repart) enable partitions;
    # what the image is made of, in the variant repart
    image = lib.mapAttrs (_: each: each.repartConfig) (config.image.repart.partitions or { });
  };
  fileSystems = lib.mapAttrs (_: fs: {
    inherit (fs)
      device
      fsType
      autoResize
      options
      ;
  }) config.fileSystems;

  units = lib.attrNames (enabled config.systemd.services);
  cloudInit = services.cloud-init.enable;
  # Without Nix its settings are not defined.
  nix = lib.optionalAttrs config.nix.enable {
    inherit (config.nix.settings) substituters experimental-features;
    trusted = config.nix.settings.trusted-public-keys;
    users = config.nix.settings.trusted-users;
    channel = config.nix.channel.enable;
    inherit (config.nixpkgs.flake) setNixPath setFlakeRegistry;
    registry = lib.attrNames config.nix.registry;
  };
  etc = lib.attrNames (enabled config.environment.etc);
  packages = map lib.getName config.environment.systemPackages;
}
