# A virtio disk whose serial number is a word, with ext4 on all of it, is mounted at /data/<serial>: at
# boot, and when it is attached later, as in a cutover (flakeship/targets/local/guest.py may be earlier).
# Not a volume of Cinder, whose serial number is half of an id and not a name.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  cfg = config.flakeship.dataDisks;
  hex = length: lib.concatStrings (lib.replicate length "[0-9a-f]");
  cinder = "${hex 8}-${hex 4}-${hex 4}-${hex 1}";

  on =
    disk:
    let
      mount = "${utils.escapeSystemdPath "/data/${disk}"}.mount";
    in
    {
      wantedBy = lib.mkForce [ mount ];
      bindsTo = [ mount ];
      after = [ mount ];
      # The directories that were made at boot, without the disk.
      serviceConfig.ExecStartPre = lib.mkBefore [
        "-+${config.systemd.package}/bin/systemd-tmpfiles --create --prefix=/data/${disk}"
      ];
    };
in
{
  options.flakeship.dataDisks = lib.mkOption {
    type = with lib.types; attrsOf (listOf str);
    default = { };
    example = lib.literalExpression ''{ keys = [ "age-key" "secret-token" ]; }'';
    description = ''
      The services that keep their data on a disk: they start once it is mounted, be it long after
      the boot, and stop before it goes. A service that is not named here, with its data there, would
      start without the disk and write into the empty directory.
    '';
  };

  config = {
    # Excluded: what others mount by its label, a root without partitions, and the disks of base.
    services.udev.extraRules = ''
      ACTION!="remove", SUBSYSTEM=="block", KERNEL=="vd*", ENV{DEVTYPE}=="disk", \
        ATTR{serial}=="[A-Za-z0-9]*", ATTR{serial}!="*[!A-Za-z0-9._-]*", ATTR{serial}!="${cinder}", \
        ENV{ID_FS_TYPE}=="ext4", ENV{ID_FS_LABEL}!="nixos|NIXOS-*", \
        TAG+="systemd", ENV{SYSTEMD_WANTS}+="data-disk@.service"
    '';

    # Declared, so that systemd starts services with it and stops them before it; boot does not wait.
    systemd.mounts = lib.mapAttrsToList (disk: _: {
      what = "/dev/disk/by-id/virtio-${disk}";
      where = "/data/${disk}";
      type = "ext4";
    }) cfg;

    systemd.services = lib.mkMerge (
      lib.mapAttrsToList (disk: services: lib.genAttrs services (_: on disk)) cfg
      ++ [
        {
          # One a device; %f is its directory in /sys. It stays active until the disk is unplugged: else
          # the next event of a disk that was just unmounted would mount it again.
          "data-disk@" = {
            description = "Mount a data disk";
            bindsTo = [ "%i.device" ];
            after = [ "%i.device" ];
            path = [ pkgs.util-linux ];
            serviceConfig = {
              Type = "oneshot";
              RemainAfterExit = true;
              # mkfs may have it open still.
              Restart = "on-failure";
              RestartSec = 1;
            };
            scriptArgs = "%f";
            script = ''
              device=/dev/''${1##*/} directory=/data/$(cat "$1/serial")
              unit=$(systemd-escape --path --suffix=mount "$directory")
              if systemctl cat "$unit" > /dev/null 2>&1; then
                systemctl start "$unit"
              elif ! findmnt --source "$device" > /dev/null; then
                mkdir -p "$directory"
                # Or it was mounted by others in that moment.
                mount -t ext4 "$device" "$directory" || mountpoint -q "$directory"
              fi
            '';
          };
        }
      ]
    );
  };
}
