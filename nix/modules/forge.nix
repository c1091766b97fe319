# Forgejo behind nginx, on a socket: it has no port of its own. Its secrets are created at the first
# start, and all of its state is in /var/lib/forgejo. On a data disk it survives a release:
#
#     services.forgejo.stateDir = "/data/forge";
#     flakeship.dataDisks.forge = [ "forgejo" "forgejo-secrets" ];
#
# Nobody can sign up. The first account:
#
#     sudo -u forgejo forgejo --work-path /var/lib/forgejo admin user create --admin \
#       --username you --email you@example.org --random-password
{ config, ... }:
let
  cfg = config.services.forgejo;
  inherit (config.flakeship.web) domain;
  socket = "http://unix:${cfg.settings.server.HTTP_ADDR}";
in
{
  imports = [ ./web.nix ];

  services.forgejo = {
    enable = true;
    database.type = "sqlite3";
    lfs.enable = true;
    settings = {
      server = {
        PROTOCOL = "http+unix";
        DOMAIN = domain;
        ROOT_URL = "https://${domain}/";
        # Git uses HTTPS with a token: sshd is for the administrator alone.
        DISABLE_SSH = true;
      };
      service.DISABLE_REGISTRATION = true;
      session.COOKIE_SECURE = true;
    };
  };
  environment.systemPackages = [ cfg.package ];

  services.nginx.virtualHosts.web.locations = {
    "/" = {
      proxyPass = socket;
      # As large as a push is.
      extraConfig = "client_max_body_size 0;";
    };
    "= /health".proxyPass = "${socket}:/api/healthz";
  };
}
