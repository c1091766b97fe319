{
  imports = [ ./disk.nix ];
  flakeship.image = {
    format = "qcow2";
    firmware = "hybrid";
  };
}
