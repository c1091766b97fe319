# A WireGuard gateway: its peers reach the networks of this machine with its address. The private key
# is created at the first boot, and the public half is printed on the console.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.flakeship.gateway;
  key = lib.escapeShellArg cfg.key;
in
{
  options.flakeship.gateway = {
    address = mkOption {
      type = types.str;
      default = "10.100.0.1/24";
      description = "The address in the tunnel, with the prefix length of its network.";
    };
    port = mkOption {
      type = types.port;
      default = 51820;
      description = "The UDP port that peers send to.";
    };
    key = mkOption {
      type = types.str;
      default = "/var/lib/wireguard/private.key";
      description = "The private key; on a data disk it survives a release.";
    };
    peers = mkOption {
      type = types.attrsOf (
        types.submodule {
          options = {
            publicKey = mkOption {
              type = types.singleLineStr;
              description = "The output of `wg pubkey` on the peer.";
            };
            allowedIPs = mkOption {
              type = types.listOf types.str;
              description = "The addresses that the peer may use in the tunnel.";
            };
          };
        }
      );
      default = { };
      description = "The peers that may connect.";
    };
  };

  config = {
    environment.systemPackages = [ pkgs.wireguard-tools ];

    systemd.network = {
      # Not `networking.wireguard`: without its key networkd itself would not start, and with it the
      # network. This way it is the tunnel alone that is missing.
      netdevs."50-wg0" = {
        netdevConfig = {
          Kind = "wireguard";
          Name = "wg0";
        };
        wireguardConfig = {
          PrivateKeyFile = cfg.key;
          ListenPort = cfg.port;
        };
        wireguardPeers = lib.mapAttrsToList (_: peer: {
          PublicKey = peer.publicKey;
          AllowedIPs = peer.allowedIPs;
        }) cfg.peers;
      };
      networks."50-wg0" = {
        name = "wg0";
        address = [ cfg.address ];
        linkConfig.RequiredForOnline = false;
      };
    };

    # Only packets from the tunnel and the replies to them are forwarded.
    networking.nat = {
      enable = true;
      internalInterfaces = [ "wg0" ];
    };
    networking.firewall = {
      filterForward = true;
      # The cloud's metadata service would take a peer for this machine, and show it the user data.
      extraForwardRules = lib.mkBefore "ip daddr 169.254.0.0/16 drop";
      allowedUDPPorts = [ cfg.port ];
    };

    systemd.services.wireguard-key = {
      description = "Make the key of the WireGuard gateway and announce it";
      wantedBy = [
        "multi-user.target"
        "systemd-networkd.service"
      ];
      before = [ "systemd-networkd.service" ];
      unitConfig.RequiresMountsFor = dirOf cfg.key;
      path = [ pkgs.wireguard-tools ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        UMask = "0027";
        Group = "systemd-network";
        # Not `direct`, as in web.nix: networkd, and with it the network, would wait for it.
        Restart = "on-failure";
        RestartSec = 5;
      };
      script = ''
        if ! [ -s ${key} ]; then
          mkdir -p ${lib.escapeShellArg (dirOf cfg.key)}
          wg genkey > ${key}.new
          sync ${key}.new
          mv ${key}.new ${key}
        fi
        printf '\nWireGuard public key of this machine: %s\n' "$(wg pubkey < ${key})" > /dev/console
        # On a data disk the key comes after networkd, which has left the tunnel out.
        if systemctl --quiet is-active systemd-networkd; then
          networkctl reload
        fi
      '';
    };
  };
}
