# nginx with TLS in front of what a host serves; the host adds its locations to
# `services.nginx.virtualHosts.web`. `/` redirects HTTP to HTTPS; other locations answer on both, so a
# load balancer may request /health without TLS.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkIf mkOption types;
  cfg = config.flakeship.web;
  directory = "/var/lib/web";
in
{
  options.flakeship.web = {
    domain = mkOption {
      type = types.str;
      default = "localhost";
      description = "The name in the certificate; requests for every other name are answered too.";
    };
    acme = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether Let's Encrypt certifies the domain, which agrees to its terms. Without, the machine
        signs its certificate itself.
      '';
    };
  };

  config = {
    services.nginx = {
      enable = true;
      recommendedTlsSettings = true;
      recommendedOptimisation = true;
      recommendedGzipSettings = true;
      recommendedProxySettings = true;
      virtualHosts.web = {
        default = true;
        serverName = cfg.domain;
        addSSL = true;
        enableACME = cfg.acme;
        sslCertificate = mkIf (!cfg.acme) "${directory}/certificate.pem";
        sslCertificateKey = mkIf (!cfg.acme) "${directory}/key.pem";
        locations."/".extraConfig = ''
          if ($scheme = http) {
            return 301 https://$host$request_uri;
          }
        '';
      };
    };
    security.acme.acceptTerms = cfg.acme;
    networking.firewall.allowedTCPPorts = [
      80
      443
    ];

    # The key is created on the machine, at its first boot.
    systemd.services.web-certificate = mkIf (!cfg.acme) {
      description = "Make the certificate of the web server";
      requiredBy = [ "nginx.service" ];
      before = [ "nginx.service" ];
      unitConfig.ConditionFileNotEmpty = "!${directory}/certificate.pem";
      path = [ pkgs.openssl ];
      serviceConfig = {
        Type = "oneshot";
        # The start of nginx waits for it. Without `direct` the first failure would end that start: nginx
        # would stay down for good, in a system that counts as running.
        Restart = "on-failure";
        RestartMode = "direct";
        RestartSec = 5;
        User = config.services.nginx.user;
        StateDirectory = "web";
        StateDirectoryMode = "0700";
        WorkingDirectory = directory;
        UMask = "0077";
      };
      # The certificate's name comes last: until it is there, all is done again.
      script = ''
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 3650 \
          -subj ${lib.escapeShellArg "/CN=${cfg.domain}"} \
          -addext ${lib.escapeShellArg "subjectAltName=DNS:${cfg.domain}"} \
          -keyout key.pem -out certificate.new
        # A power cut must not leave an empty file under the final name.
        sync key.pem certificate.new
        mv certificate.new certificate.pem
      '';
    };
  };
}
