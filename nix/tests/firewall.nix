# Another machine reaches declared ports only.
{
  name = "firewall";

  nodes.server =
    { lib, pkgs, ... }:
    {
      imports = [ ../modules ];
      networking.hostName = "server";
      networking.firewall.allowedTCPPorts = [ 80 ];
      flakeship = {
        host = "server";
        variant = "qemu";
      };
      systemd.services = lib.genAttrs [ "80" "8080" ] (port: {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.ExecStart = "${lib.getExe pkgs.python3Minimal} -m http.server --bind :: ${port}";
      });
    };

  nodes.client =
    { pkgs, ... }:
    {
      environment.systemPackages = [ pkgs.netcat ];
    };

  testScript =
    { nodes, ... }:
    ''
      start_all()
      for port in [22, 80, 8080]:
          server.wait_for_open_port(port)
      client.wait_for_unit("network-online.target")

      addresses = ["${nodes.server.networking.primaryIPAddress}", "${nodes.server.networking.primaryIPv6Address}"]
      for address in addresses:
          for port in [22, 80]:
              client.wait_until_succeeds(f"nc -z -w 3 {address} {port}", timeout=60)
          client.fail(f"nc -z -w 3 {address} 8080")
    '';
}
