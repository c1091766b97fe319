# Fails to build where the closure of a system exceeds its budget. A derivation of its own, because
# make-derivation.nix silently drops `outputChecks.out.maxClosureSize` of the system.
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
