# Builds where a system, with all that it refers to, is within its budget. A derivation of its own:
# `outputChecks.out.maxClosureSize` of the system is dropped without a word by make-derivation.nix.
{ config, pkgs, ... }:
let
  inherit (config.flakeship) host closureBudget;
  closure = pkgs.closureInfo { rootPaths = [ config.system.build.toplevel ]; };
in
pkgs.runCommand "${host}-closure" { } ''
  size=$(($(cat ${closure}/total-nar-size) / 1024 / 1024))
  echo "the closure of ${host} has $size MiB, its budget is ${toString closureBudget} MiB"
  [ "$size" -le ${toString closureBudget} ]
  echo "$size" > "$out"
''
