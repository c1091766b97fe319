# What nix/lib takes from nixpkgs' library of strings.
rec {
  hasPrefix = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
  hasSuffix =
    suffix: text:
    let
      rest = builtins.stringLength text - builtins.stringLength suffix;
    in
    rest >= 0 && builtins.substring rest (-1) text == suffix;
  removeSuffix =
    suffix: text:
    if hasSuffix suffix text then
      builtins.substring 0 (builtins.stringLength text - builtins.stringLength suffix) text
    else
      text;
  splitString = by: text: builtins.filter builtins.isString (builtins.split by text);
  trim = text: builtins.head (builtins.match "[[:space:]]*(.*[^[:space:]]|)[[:space:]]*" text);
}
