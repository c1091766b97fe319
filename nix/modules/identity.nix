# A machine says which image it came from, whatever it was switched to since: in /etc/image.json,
# written at the first boot (within the system, the file could not name it), and in /etc/os-release.
{ config, ... }:
let
  cfg = config.flakeship;
in
{
  system.image = {
    id = cfg.host;
    inherit (cfg) version;
  };

  systemd.services.image-json = {
    description = "Write down which image this machine came from";
    wantedBy = [ "multi-user.target" ];
    unitConfig.ConditionPathExists = "!/etc/image.json";
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
    };
    script = ''
      printf '{"host":"%s","variant":"%s","version":"%s","toplevel":"%s"}\n' \
        ${cfg.host} ${cfg.variant} ${cfg.version} "$(readlink -f /run/booted-system)" > /etc/image.json.new
      mv /etc/image.json.new /etc/image.json
    '';
  };
}
