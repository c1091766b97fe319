# The smallest flake with a manifest: its images are one line of text.
{
  inputs.access = {
    url = "path:./access";
    flake = false;
  };
  outputs =
    { access, ... }:
    let
      release =
        host: text:
        let
          tool = derivation {
            name = "tool-${text}";
            pname = "tool";
            version = text;
            system = "x86_64-linux";
            builder = "/bin/sh";
            args = [
              "-c"
              "echo tool > $out"
            ];
          };
          toplevel = derivation {
            name = "system-${host}";
            system = "x86_64-linux";
            builder = "/bin/sh";
            sw = tool;
            kernelParams = "quiet text=${text}";
            args = [
              "-c"
              "echo ${text} > $out"
            ];
          };
          image = derivation {
            name = "image-${host}";
            system = "x86_64-linux";
            builder = "/bin/sh";
            keys = builtins.readFile "${access}/authorized_keys";
            inherit toplevel;
            args = [
              "-c"
              (builtins.readFile ./build.sh)
            ];
          };
        in
        derivation {
          name = "release-${host}";
          system = "x86_64-linux";
          builder = "/bin/sh";
          manifest = builtins.toJSON {
            schema = 1;
            inherit host;
            variant = "qemu";
            drv = image.drvPath;
            out = image.outPath;
            files = [ "." ];
            format = "raw";
            toplevel = toplevel.outPath;
            version = "1";
            system = "x86_64-linux";
            disk = 64;
            memory = 64;
            user = "nixos";
          };
        };
    in
    {
      flakeship.tiny.qemu = release "tiny" (builtins.readFile ./text);
      flakeship.other.qemu = release "other" "other";
    };
}
