# nginx comes up once its certificate can be made, however long that takes.
{ lib, ... }:
{
  name = "web";

  nodes.machine =
    { pkgs, ... }:
    {
      imports = [
        ../modules
        ../hosts/web.nix
      ];
      networking.hostName = "machine";
      flakeship = {
        host = "machine";
        variant = "qemu";
      };
      environment.systemPackages = [ pkgs.curl ];
      # As with a full disk.
      systemd.services.web-certificate.serviceConfig.ExecStartPre =
        "${lib.getExe' pkgs.coreutils "test"} -e /run/repaired";
    };

  testScript = ''
    health = "curl --silent --fail --insecure https://localhost/health"

    with subtest("the certificate is tried again, and nginx waits"):
        machine.wait_until_succeeds(
            "[ $(systemctl show --property NRestarts --value web-certificate.service) -ge 2 ]",
            timeout=120,
        )
        machine.fail("systemctl is-active nginx.service")
        machine.succeed("systemctl list-jobs | grep --fixed-strings nginx.service")

    with subtest("nginx starts by itself"):
        machine.succeed("touch /run/repaired")
        machine.wait_for_unit("multi-user.target")
        machine.wait_until_succeeds(health, timeout=60)

    with subtest("a certificate that a power cut left empty is made again"):
        machine.succeed("systemctl stop nginx.service")
        machine.succeed("truncate --size 0 /var/lib/web/certificate.pem")
        machine.succeed("systemctl start nginx.service")
        machine.wait_until_succeeds(health, timeout=60)
  '';
}
