#!/bin/busybox sh
# linux16, not linux: an emulated processor starts the kernel 3 seconds sooner that way.
# boot-menu TOPLEVEL [ROOT]: writes the boot menu, this system first and the generations below it.
toplevel=$1
root=$2
entry() {
  echo "menuentry \"$2\" {"
  echo "  linux16 $(readlink "$1/kernel") init=$1/init $(cat "$1/kernel-params")"
  echo "  initrd16 $(readlink "$1/initrd")"
  echo "}"
}
mkdir -p "$root/boot/grub"
{
  echo "set timeout=0"
  entry "$toplevel" "NixOS"
  # shellcheck disable=SC2012 # Nix gives these names
  for link in $(cd "$root/nix/var/nix/profiles" && ls -d system-*-link | sort -t- -k2 -rn); do
    number=${link#system-}
    entry "$(readlink "$root/nix/var/nix/profiles/$link")" "NixOS - generation ${number%-link}"
  done
} >"$root/boot/grub/grub.cfg.new"
sync
mv "$root/boot/grub/grub.cfg.new" "$root/boot/grub/grub.cfg"
sync
