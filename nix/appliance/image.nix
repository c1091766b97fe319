# A disk with one partition that holds the system, its Nix database and the boot menu.
{
  packages,
  toplevel,
  host,
}:
packages.run "appliance-image" ./build/image.sh {
  inherit (packages) base;
  nativeBuildInputs = packages.tools;
  inherit toplevel;
  inherit (host) disk;
  exportReferencesGraph = [
    "closure"
    toplevel
  ];
}
