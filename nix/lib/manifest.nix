# The manifest of an image, checked against manifest.schema.json. Plain builtins: it takes no nixpkgs.
let
  inherit (builtins)
    all
    any
    attrNames
    concatMap
    concatStringsSep
    elem
    filter
    isInt
    isList
    isString
    length
    match
    toJSON
    ;
  schema = builtins.fromJSON (builtins.readFile ./manifest.schema.json);
  known = schema.properties;

  types = {
    integer = isInt;
    string = isString;
    array = isList;
    boolean = builtins.isBool;
  };

  # The keywords of JSON Schema that the schema is written in: whether a value fits one.
  keywords = {
    type = type: types.${type};
    const = only: value: value == only;
    enum = values: value: elem value values;
    anyOf = parts: value: any (part: fits part value) parts;
    minimum = least: value: isInt value && value >= least;
    maximum = most: value: isInt value && value <= most;
    pattern = pattern: value: isString value && match pattern value != null;
    minItems = least: value: isList value && length value >= least;
    maxItems = most: value: isList value && length value <= most;
    items = part: value: isList value && all (fits part) value;
  };
  annotations = [
    "default"
    "description"
    "title"
  ];
  # A keyword that is missing above is an error, not a manifest that passes unchecked.
  fits =
    part: value:
    all (keyword: keywords.${keyword} part.${keyword} value) (
      filter (keyword: !elem keyword annotations) (attrNames part)
    );

  allowed = part: if part ? enum then concatStringsSep ", " part.enum else part.title;

  # A sentence for each key of a manifest that does not fit.
  problems =
    manifest:
    concatMap (
      key:
      let
        got = toJSON manifest.${key};
      in
      if !known ? ${key} then
        [
          "${key} is not a key of a manifest, got ${got}; allowed: ${concatStringsSep ", " (attrNames known)}"
        ]
      else if !fits known.${key} manifest.${key} then
        [ "${key} does not fit, got ${got}; allowed: ${allowed known.${key}}" ]
      else
        [ ]
    ) (attrNames manifest)
    ++ map (key: "${key} is missing; allowed: ${allowed known.${key}}") (
      filter (key: !manifest ? ${key}) schema.required
    );

  checked =
    manifest:
    if problems manifest == [ ] then
      manifest
    else
      throw ''
        the manifest of ${toString manifest.host}.${toString manifest.variant} does not fit manifest schema ${toString known.schema.const} (docs/reference/manifest.md):
          ${concatStringsSep "\n  " (problems manifest)}'';

  # A manifest only names paths: it does not depend on them.
  plain = builtins.unsafeDiscardStringContext;

  # The manifest of a host's image; does not evaluate where it does not fit the schema.
  make =
    { image, config }:
    checked {
      schema = known.schema.const;
      inherit (config.flakeship)
        host
        variant
        version
        memory
        user
        rebuildable
        switchable
        ;
      inherit (config.flakeship.image)
        format
        firmware
        agent
        disk
        files
        ;
      inherit (image) system;
      drv = plain image.drvPath;
      out = plain image.outPath;
      toplevel = plain config.system.build.toplevel.outPath;
    };
in
{
  inherit make problems;

  # For `nix flake check`. The toplevel stands in for the image, which takes long to evaluate, and whose
  # two paths are Nix's own.
  check =
    { config, ... }:
    let
      image = config.system.build.toplevel;
    in
    derivation {
      name = "${config.flakeship.host}-manifest";
      inherit (image) system;
      manifest = toJSON (make {
        inherit image config;
      });
      builder = "/bin/sh";
      args = [
        "-c"
        "printf '%s\\n' \"$manifest\" > $out"
      ];
    };
}
