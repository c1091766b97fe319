# shellcheck shell=sh
# shellcheck disable=SC2154,SC1090,SC2034 # from the derivation and for setup.sh
. "$setup"
trees=$nativeBuildInputs

mkdir -p root/bin root/dev root/proc root/sys root/sysroot root/modules
cp "$bootstrap/bin/busybox" root/bin/
cp "$stage1" root/init
chmod +x root/init
for list in "$kernel"/boot/*; do
  # shellcheck disable=SC2094 # not the same file
  while read -r file; do
    cp "$kernel/lib/modules/$(cat "$kernel/version")/$file" root/modules/
    basename "$file" >>"root/modules/$(basename "$list")"
  done <"$list"
done
find root -exec touch -h -d @1 {} +
mkdir "$out"
(cd root && find . | sort | cpio -o -H newc --ignore-devno --renumber-inodes) >initrd
debian zstd -q -9 initrd -o "$out/initrd"
