# shellcheck shell=sh
# Unpacks .deb files into one tree: bin, lib, libexec, share; nothing else and no documentation.
# shellcheck disable=SC2154,SC1090
. "$setup"

for deb in $debs; do
  ar p "$deb" data.tar.xz | xz -dc | tar x
done
mkdir -p "$out/bin" "$out/lib" usr/lib/x86_64-linux-gnu
# Some packages link /sbin/x to /bin/x: the last one stands.
for dir in sbin usr/sbin bin usr/bin; do
  [ ! -d "$dir" ] || [ -L "$dir" ] || tar c -C "$dir" . | tar x -C "$out/bin"
done
cp -a usr/lib/x86_64-linux-gnu/. "$out/lib/"
rm -rf usr/lib/x86_64-linux-gnu usr/share/doc usr/share/man usr/share/locale usr/share/info \
  usr/share/lintian usr/share/bug usr/share/bash-completion usr/share/zsh
rm -rf "$out/lib/gconv" "$out/lib/engines-3" "$out/lib/e2fsprogs"
# Most of GLib, of which nothing here uses more than the two libraries that are left.
rm -rf "$out/lib/glib-2.0" "$out"/lib/libgio-2.0.* "$out"/lib/libgobject-2.0.* "$out"/lib/libgthread-2.0.*
for dir in usr/lib/* boot; do
  [ ! -e "$dir" ] || cp -a "$dir" "$out/lib/"
done
for dir in usr/libexec usr/share; do
  [ ! -e "$dir" ] || cp -a "$dir" "$out/"
done
# Debian's programs look below /usr/lib/x86_64-linux-gnu and /lib64: both are this one directory.
ln -s . "$out/lib/x86_64-linux-gnu"
ln -s lib "$out/lib64"
