# shellcheck shell=sh
# shellcheck disable=SC2154,SC1090,SC2034 # from the derivation and for setup.sh
. "$setup"
trees="$nativeBuildInputs $base"
offset=1048576

# The Nix database: what nix-store --load-db wants to know of each path of the closure.
paths=
root=$PWD/root
mkdir -p "$root/nix/var/nix/profiles" "$root/nix/var/nix/gcroots" "$root/nix/store"
exec 3<closure
while read -r path <&3; do
  read -r deriver <&3
  read -r count <&3
  debian nix-store --dump "$path" >nar
  echo "$path"
  sha256sum nar | cut -d' ' -f1
  wc -c <nar | tr -d ' '
  echo "$deriver"
  echo "$count"
  while [ "$count" -gt 0 ]; do
    read -r reference <&3
    echo "$reference"
    count=$((count - 1))
  done
  paths="$paths ${path#/}"
done >registration
rm nar
export NIX_STATE_DIR="$root/nix/var/nix" NIX_CONFIG="use-sqlite-wal = false
build-users-group ="
debian nix-store --load-db <registration
# The time of registration is the only thing in it that differs from build to build.
debian sqlite3 "$root/nix/var/nix/db/db.sqlite" "UPDATE ValidPaths SET registrationTime = 1; VACUUM;"
rm -rf "$root/nix/var/nix/temproots" "$root/nix/var/nix/db/"*lock

ln -s "$toplevel" "$root/nix/var/nix/profiles/system-1-link"
ln -s system-1-link "$root/nix/var/nix/profiles/system"
ln -s /nix/var/nix/profiles "$root/nix/var/nix/gcroots/profiles"
ln -s /run/current-system "$root/nix/var/nix/gcroots/current-system"
ln -s /run/booted-system "$root/nix/var/nix/gcroots/booted-system"
mkdir -p "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/etc" "$root/home" "$root/var"
sh "$toplevel/sw/lib/appliance/boot-menu" "$toplevel" "$root"
find "$root" -exec touch -h -d @1 {} +

# mke2fs takes owners from an archive, and here only an archive can name root as the owner.
# shellcheck disable=SC2086
debian bsdtar --format gnutar --uid 0 --gid 0 --uname "" --gname "" -cf files.tar \
  -C "$root" . -C / $paths
truncate -s "${disk}M" disk.raw
printf '[fs_types]\next4 = {\nfeatures = has_journal,extent\n}\n' >mke2fs.conf
export E2FSPROGS_FAKE_TIME=1 MKE2FS_CONFIG="$PWD/mke2fs.conf"
debian mke2fs -q -t ext4 -L nixos -U 6e69786f-7300-4000-8000-000000000001 -m 1 -N 65536 \
  -O extent,huge_file,flex_bg,dir_index,has_journal,filetype,sparse_super,large_file,metadata_csum,64bit,extra_isize,dir_nlink,resize_inode \
  -E "offset=$offset,hash_seed=6e69786f-7300-4000-8000-000000000002,lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0" \
  -b 4096 -J size=8 -d files.tar disk.raw "$((disk * 1024 - 1024))k"

# GRUB where BIOS machines look: boot.img in the first sector, the rest up to the first partition.
grub=$nativeBuildInputs/lib/grub/i386-pc
debian grub-mkimage -d "$grub" -O i386-pc -o core.img -p "(hd0,msdos1)/boot/grub" \
  biosdisk part_msdos ext2 normal linux16
[ "$(wc -c <core.img)" -lt "$((offset - 512))" ]
dd if="$grub/boot.img" of=disk.raw bs=440 count=1 conv=notrunc 2>/dev/null
dd if=core.img of=disk.raw bs=512 seek=1 conv=notrunc 2>/dev/null
le32() {
  printf '\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255))
}
# shellcheck disable=SC2059 # the format is the data
printf "\\x80\\xfe\\xff\\xff\\x83\\xfe\\xff\\xff$(le32 2048)$(le32 $((disk * 2048 - 2048)))" |
  dd of=disk.raw bs=1 seek=446 conv=notrunc 2>/dev/null
printf '\x55\xaa' | dd of=disk.raw bs=1 seek=510 conv=notrunc 2>/dev/null

mkdir "$out"
debian qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd disk.raw "$out/appliance.qcow2"
