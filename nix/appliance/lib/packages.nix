# Debian packages as fixed outputs, and trees unpacked from them inside the sandbox.
let
  lock = builtins.fromJSON (builtins.readFile ../debian/lock.json);
  wanted = builtins.fromJSON (builtins.readFile ../debian/packages.json);
  system = "x86_64-linux";

  # debian/fill.py puts these into the store beforehand; where there is a network Nix can fetch them too.
  deb =
    name:
    derivation {
      name = "${name}.deb";
      pname = name;
      inherit (lock.packages.${name}) version;
      system = "builtin";
      builder = "builtin:fetchurl";
      url = "http://deb.debian.org/debian/${lock.packages.${name}.filename}";
      outputHashMode = "flat";
      outputHashAlgo = "sha256";
      outputHash = lock.packages.${name}.sha256;
    };

  # The one thing that is not built: a static busybox, which unpacks everything else.
  bootstrap = derivation {
    name = "bootstrap";
    inherit system;
    builder = "/run/nix/appliance/debian/fill.py/first";
    outputHashMode = "recursive";
    outputHashAlgo = "sha256";
    outputHash = lock.bootstrap;
  };

  run =
    name: script: env:
    derivation (
      {
        inherit name system bootstrap;
        setup = ../build/setup.sh;
        builder = "${bootstrap}/bin/busybox";
        args = [
          "sh"
          "-eu"
          script
        ];
      }
      // env
    );

  tree = name: packages: run name ../build/unpack.sh { debs = map deb packages; };
in
{
  inherit run system;
  version = "${lock.release}.${
    builtins.replaceStrings [ "-" ] [ "" ] (builtins.substring 0 10 lock.date)
  }";
  tools = tree "appliance-tools" wanted.tools;
  base = tree "appliance-base" wanted.system;
  kernelVersion = lock.packages.${lock.kernel}.version;
  kernelTree = tree "appliance-kernel-tree" [ lock.kernel ];

  # Files from texts: { "nix/nix.conf" = "..."; } becomes a directory.
  writeTree =
    name: files:
    let
      paths = builtins.attrNames files;
      numbered = builtins.genList (i: "file${toString i}") (builtins.length paths);
      texts = builtins.listToAttrs (
        builtins.genList (i: {
          name = "file${toString i}";
          value = files.${builtins.elemAt paths i};
        }) (builtins.length paths)
      );
    in
    run name ../build/write-tree.sh (
      texts
      // {
        inherit paths;
        passAsFile = numbered;
      }
    );
}
