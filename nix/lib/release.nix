# What Flakeship asks for: one derivation whose environment says all there is to know of an image.
# `nix path-info --derivation` answers for it from the evaluation cache (docs/decisions/0001). To
# build it is to build the image and to print the manifest. Plain builtins: it takes no nixpkgs.
{ image, config }:
derivation {
  name = "release-${config.flakeship.host}-${config.flakeship.variant}";
  inherit (image) system;
  # Keeps the image's derivation in the store: the paths in the manifest are names alone.
  inherit image;
  manifest = builtins.toJSON ((import ./manifest.nix).make { inherit image config; });
  builder = "/bin/sh";
  args = [
    "-c"
    ''printf '%s\n' "$manifest" > "$out"''
  ];
}
