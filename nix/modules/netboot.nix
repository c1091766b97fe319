# How a host is netbooted, for the variant netboot; here, so that a host may say it in any variant.
{ lib, ... }:
let
  inherit (lib) mkOption types;
in
{
  options.flakeship.netboot = {
    kernelBudget = mkOption {
      type = types.ints.positive;
      default = 30;
      description = "What the kernel may weigh, in MB; the build fails above it.";
    };
    initrdBudget = mkOption {
      type = types.ints.positive;
      default = 300;
      description = "What the initrd, with the whole system in it, may weigh, in MB.";
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
        What of the kernel's modules stays out, as folders. By default pictures, sound, sensors and
        radio: a third of the modules' weight, and most of it is nothing without firmware.
      '';
    };
    installer = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether nixos-anywhere may install from this very system: then root logs in, with the same
        keys. Otherwise it boots an installer of its own from here first, with `sudo`.
      '';
    };
  };
}
