# shellcheck shell=busybox
# Picks modules and what they depend on, uncompressed: a slow machine should not unpack xz at boot.
# shellcheck disable=SC2154,SC1090,SC2034 # from the derivation and for setup.sh
. "$setup"
set -o pipefail
trees=$nativeBuildInputs

version=$(basename "$kernelTree"/lib/modules/*)
source=$kernelTree/lib/modules/$version
target=$out/lib/modules/$version
mkdir -p all/lib/modules "$target"
ln -s "$source" "all/lib/modules/$version"
debian depmod -b "$PWD/all" -o "$PWD/index" "$version"

# Lists a module's file after those it needs.
needs() {
  line=$(grep -E "/$(echo "$1" | sed 's/[-_]/[-_]/g')\.ko\.xz:" "index/lib/modules/$version/modules.dep") || {
    echo "no kernel module $1" >&2
    exit 1
  }
  echo "${line#*:}" | tr ' ' '\n' | tac
  echo "${line%%:*}"
}
for module in $modules $(echo "$bootModules" | sed 's/[ :,]/\n/g' | grep -v ^0x); do needs "$module"; done | sed '/^$/d' | awk '!seen[$0]++' >files
while read -r file; do
  mkdir -p "$target/$(dirname "$file")"
  xz -dc "$source/$file" >"$target/${file%.xz}"
done <files
cp "$source/modules.builtin" "$source/modules.builtin.modinfo" "$source/modules.order" "$target/"
debian depmod -b "$out" "$version"
mkdir "$out/boot"
for device in $bootModules; do
  for module in $(echo "${device#*:}" | tr , ' '); do needs "$module"; done |
    sed '/^$/d; s/\.xz$//' | awk '!seen[$0]++' >"$out/boot/${device%%:*}"
done
cp "$kernelTree"/lib/boot/vmlinuz-* "$out/bzImage"
echo "$version" >"$out/version"
