# The serial console: clouds record it, and host keys are read from it, because the network cannot
# forge it.
{ lib, ... }:
{
  boot.kernelParams = lib.mkAfter [
    # Nobody is at the console to type a password: without a root the machine prints why and restarts.
    "panic=10"
    "boot.panic_on_fail"
    # The last one is /dev/console.
    "console=tty0"
    "console=ttyS0,115200"
  ];
  # nixpkgs obeys `boot.panic_on_fail` with a script, which needs a shell in the initrd. This unit comes
  # after it and runs nothing: systemd itself restarts the machine.
  boot.initrd.systemd.services.restart-on-fail = {
    description = "Restart a machine that cannot start its system";
    wantedBy = [ "emergency.target" ];
    after = [ "panic-on-fail.service" ];
    unitConfig = {
      DefaultDependencies = false;
      SuccessAction = "reboot-force";
    };
    serviceConfig.Type = "oneshot";
  };
  # Without any other file system than the root it boots nevertheless.
  systemd.enableEmergencyMode = false;

  systemd.services.announce-host-keys = {
    description = "Print the SSH host keys on the console";
    wantedBy = [ "multi-user.target" ];
    requires = [ "sshd-keygen.service" ];
    after = [ "sshd-keygen.service" ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
    };
    # In the words of cloud-init, which is what everybody's tools look for. In one write: nothing
    # else on the console gets in between.
    script = ''
      keys=$(cat /etc/ssh/ssh_host_*_key.pub)
      printf '\n-----BEGIN SSH HOST KEY KEYS-----\n%s\n-----END SSH HOST KEY KEYS-----\n' "$keys" > /dev/console
    '';
  };
}
