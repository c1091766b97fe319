# The command `flakeship-address`: a cutover brings a server's service address to this machine with it,
# or takes it away (flakeship/targets/proxmox/cutover). Without such an address nothing runs here.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  command = pkgs.writeShellApplication {
    name = "flakeship-address";
    runtimeInputs = [
      config.systemd.package
      pkgs.coreutils
      pkgs.iproute2
      pkgs.util-linux
    ];
    text = lib.removePrefix "#!/bin/sh\n" (lib.readFile ./service-address.sh);
  };
in
{
  environment.systemPackages = [ command ];

  # networkd removes what it has not added whenever it configures an interface again, and cloud-init
  # writes its files at run time, so no setting of a network can keep the address: this does. It ends
  # where there is none; `flakeship-address set` starts it. It needs no network to be up, but asks again
  # until there is one: a boot does not wait for it.
  systemd.services.flakeship-address = {
    description = "Keep the service address of the active machine";
    wantedBy = [ "multi-user.target" ];
    serviceConfig = {
      ExecStart = "${command}/bin/flakeship-address keep";
      Restart = "on-failure";
      RestartSec = 5;
      StateDirectory = "flakeship";

      CapabilityBoundingSet = "CAP_NET_ADMIN";
      NoNewPrivileges = true;
      PrivateTmp = true;
      ProtectHome = true;
      ProtectSystem = "strict";
    };
  };
}
