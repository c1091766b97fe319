# The options of a host that Flakeship reads, most of them from the manifest (docs/reference/hosts.md).
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  mebibytes = types.ints.positive;
in
{
  options.flakeship = {
    host = mkOption {
      type = types.strMatching "[A-Za-z0-9][A-Za-z0-9._-]*";
      description = "The host's name in the flake.";
    };
    variant = mkOption {
      type = types.str;
      description = "The image format that this evaluation is for.";
    };
    version = mkOption {
      type = types.strMatching "[a-z0-9._-]+";
      default = config.system.nixos.version;
      defaultText = lib.literalExpression "config.system.nixos.version";
      description = "The release's version, for people: in the manifest and in /etc/os-release.";
    };
    user = mkOption {
      type = types.str;
      default = "nixos";
      description = "The user that logs in, with sudo and without a password.";
    };
    memory = mkOption {
      type = mebibytes;
      default = 1024;
      description = "The least memory to boot with, in MiB.";
    };
    rebuildable = mkOption {
      type = types.bool;
      default = config.nix.enable;
      defaultText = lib.literalExpression "config.nix.enable";
      description = "Whether Nix works on the machine; where it does not, a verification does not ask for it.";
    };
    switchable = mkOption {
      type = types.bool;
      default = config.system.switch.enable;
      defaultText = lib.literalExpression "config.system.switch.enable";
      description = ''
        Whether the running machine can be switched to a configuration; where it cannot, a verification
        does not activate its release again.
      '';
    };
    closureBudget = mkOption {
      type = mebibytes;
      default = 1500;
      description = "The largest closure of the system, in MiB; `nix flake check` checks it.";
    };
    image = {
      disk = mkOption {
        type = types.either (types.enum [ "auto" ]) mebibytes;
        default = "auto";
        description = "The image's virtual size in MiB, or `auto`: its content and 512 MiB.";
      };
      compress = mkOption {
        type = types.bool;
        default = true;
        description = "Whether the image file is compressed, where its format allows it.";
      };
      format = mkOption {
        type = types.enum [
          "qcow2"
          "raw"
          "raw.zst"
          "vma.zst"
          "netboot"
        ];
        description = "The format of the image.";
      };
      files = mkOption {
        type = types.listOf types.str;
        default = [ config.image.filePath ];
        defaultText = lib.literalExpression "[ config.image.filePath ]";
        description = "The files of the image, as paths below its output.";
      };
      firmware = mkOption {
        type = types.enum [
          "bios"
          "uefi"
          "hybrid"
        ];
        default = "bios";
        description = "The firmware that boots the image; `hybrid` is either.";
      };
      agent = mkOption {
        type = types.bool;
        default = config.services.qemuGuest.enable;
        defaultText = lib.literalExpression "config.services.qemuGuest.enable";
        description = "Whether the QEMU guest agent is in the image.";
      };
    };
  };
}
