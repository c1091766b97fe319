# What Flakeship asks for: one derivation whose environment says all there is to know of an image.
# `nix path-info --derivation` answers for it from the evaluation cache (docs/decisions/0001). To
# build it is to build the image and to print the manifest. Plain builtins: it takes no nixpkgs.
{ image, config }:
let
  inherit (config.flakeship) host variant;
  # The paths are names here; what keeps the image's derivation in the store is `image` below.
  plain = builtins.unsafeDiscardStringContext;
in
derivation {
  name = "release-${host}-${variant}";
  inherit (image) system;
  inherit image;
  manifest = builtins.toJSON {
    inherit host variant;
    inherit (config.flakeship) version memory user;
    inherit (config.flakeship.image)
      format
      firmware
      agent
      disk
      ;
    inherit (image) system;
    drv = plain image.drvPath;
    out = plain image.outPath;
    file = config.image.filePath;
    toplevel = plain config.system.build.toplevel.outPath;
  };
  builder = "/bin/sh";
  args = [
    "-c"
    ''printf '%s\n' "$manifest" > "$out"''
  ];
}
