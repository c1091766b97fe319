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
    mapAttrsToList = change: set: map (name: change name set.${name}) (builtins.attrNames set);
  };
  pkgs = {
    age = "age";
    openssl = "openssl";
    wireguard-tools = "wireguard-tools";
  };
  module = import file;
  said = if builtins.isFunction module then module { inherit config lib pkgs; } else module;
in
said.config or said
