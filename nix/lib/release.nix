# What Flakeship evaluates: a derivation whose environment holds the manifest of an image, so that
# `nix path-info --derivation` answers from the evaluation cache (docs/explanation/decisions/0001). Building it
# builds the image and prints the manifest. Plain builtins: it takes no nixpkgs.
{ image, config }:
derivation {
  name = "release-${config.flakeship.host}-${config.flakeship.variant}";
  inherit (image) system;
  # An input, so that the image's derivation is in the store: the manifest only names paths.
  inherit image;
  manifest = builtins.toJSON ((import ./manifest.nix).make { inherit image config; });
  builder = "/bin/sh";
  args = [
    "-c"
    ''printf '%s\n' "$manifest" > "$out"''
  ];
}
