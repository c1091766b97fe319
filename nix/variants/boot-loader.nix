# nixpkgs' image builders install GRUB by the system's `switch-to-configuration boot`. A host that cannot be
# switched (nixpkgs' profile image-based-appliance) has no such command: it gets one that does only this.
{
  config,
  lib,
  pkgs,
  ...
}:
{
  system.systemBuilderCommands = lib.mkIf (!config.system.switch.enable) ''
    mkdir -p "$out/bin"
    ln -s ${pkgs.writeShellScript "install-boot-loader" ''
      if [ "$1" != boot ]; then
        echo "this system cannot be switched: it has system.switch.enable = false" >&2
        exit 1
      fi
      system=$(${lib.getExe' pkgs.coreutils "readlink"} -f /nix/var/nix/profiles/system)
      exec ${config.system.build.installBootLoader} "$system"
    ''} "$out/bin/switch-to-configuration"
  '';
}
