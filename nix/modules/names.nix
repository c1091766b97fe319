# The modules by their files' names, for hosts outside of this flake.
let
  isModule = file: builtins.match ".*\\.nix" file != null && file != "names.nix";
  files = builtins.filter isModule (builtins.attrNames (builtins.readDir ./.));
in
builtins.listToAttrs (
  map (file: {
    name = builtins.replaceStrings [ ".nix" ] [ "" ] file;
    value = ./. + "/${file}";
  }) files
)
// {
  # The same path as in mkFlake, so that importing it twice has no effect.
  default = ./.;
  bare-metal = ../profiles/bare-metal.nix;
  disk = ../variants/disk.nix;
}
