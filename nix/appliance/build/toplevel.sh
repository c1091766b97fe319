# shellcheck shell=sh
# shellcheck disable=SC2154,SC1090
. "$setup"

mkdir -p "$out/bin"
ln -s "$etc" "$out/etc"
ln -s "$sw" "$out/sw"
ln -s "$kernel/bzImage" "$out/kernel"
ln -s "$initrd/initrd" "$out/initrd"
ln -s "$kernel" "$out/kernel-modules"
printf %s "$system" >"$out/system"
printf %s "$version" >"$out/nixos-version"
printf %s "$kernelParams" >"$out/kernel-params"
for script in init activate bin/switch-to-configuration; do
  sed -e "s|@busybox@|$base/bin/busybox|g" -e "s|@toplevel@|$out|g" \
    "$sw/lib/appliance/$(basename "$script")" >"$out/$script"
  chmod +x "$out/$script"
done
