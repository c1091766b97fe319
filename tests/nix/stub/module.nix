# What a module says, without nixpkgs: the module's own words, for modules that need no more of the
# library and of the packages than this. Options are not looked at: `config` is given.
{ file, config }:
let
  same = value: value;
  lib = import ./string.nix // {
    types = { };
    mkOption = same;
    mkDefault = same;
    mkForce = same;
    mkAfter = same;
    mkBefore = same;
    mkIf = condition: value: if condition then value else { };
    escapeShellArg = text: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] text}'";
    mapAttrs' =
      change: set: builtins.listToAttrs (map (name: change name set.${name}) (builtins.attrNames set));
    inherit (builtins) readFile;
    removePrefix =
      prefix: text:
      if builtins.substring 0 (builtins.stringLength prefix) text == prefix then
        builtins.substring (builtins.stringLength prefix) (-1) text
      else
        text;
    mapAttrsToList = change: set: map (name: change name set.${name}) (builtins.attrNames set);
  };
  pkgs = {
    age = "age";
    coreutils = "coreutils";
    iproute2 = "iproute2";
    util-linux = "util-linux";
    # what the module gives it, which as a text is a path
    writeShellApplication = given: given // { outPath = "/${given.name}"; };
    openssl = "openssl";
    wireguard-tools = "wireguard-tools";
  };
  module = import file;
  said = if builtins.isFunction module then module { inherit config lib pkgs; } else module;
in
said.config or said
