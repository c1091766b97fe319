# Options of the variant netboot, in all variants, so that a host can set them unconditionally.
{ lib, ... }:
let
  inherit (lib) mkOption types;
in
{
  options.flakeship.netboot = {
    kernelBudget = mkOption {
      type = types.ints.positive;
      default = 30;
      description = "The largest kernel, in MB; the build fails above it.";
    };
    initrdBudget = mkOption {
      type = types.ints.positive;
      default = 300;
      description = "The largest initrd, which holds the whole system, in MB.";
    };
    withoutModules = mkOption {
      type = types.listOf types.str;
      default = [
        "drivers/bluetooth"
        "drivers/gpu/drm/amd"
        "drivers/gpu/drm/i915"
        "drivers/gpu/drm/nouveau"
        "drivers/gpu/drm/radeon"
        "drivers/gpu/drm/xe"
        "drivers/iio"
        "drivers/media"
        "drivers/net/wireless"
        "sound"
      ];
      description = ''
        Folders of kernel modules to leave out. By default graphics, sound, sensors and radio: a third
        of the modules' size, most of which does not work without firmware.
      '';
    };
    installer = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether nixos-anywhere may install from this system: then root may log in with the same keys.
        Otherwise it first boots its own installer from this system, with `sudo`.
      '';
    };
  };
}
