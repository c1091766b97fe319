# shellcheck shell=bash
# Makes this machine the configuration on its disks or shares (docs/how-to/hosts.md says what is on them):
# NIXOS-FLEET to /etc/nixos, NIXOS-SELF to /etc/nixos/hosts/self, NIXOS-KEYS to /root/.ssh. Copied,
# not mounted: they may be read-only, serve many machines, and go once they are read.
#
# The arguments go to `nix flake lock`. VARIANT is the image's, FOLLOW whether disks are looked at once
# it is installed. ROOT is where all of it lies, for tests.
# It may be killed anywhere: what is half-way is done again, and a reboot happens once a configuration.
set -Eeuo pipefail
shopt -s nullglob

root=${ROOT:-}
nixos=$root/etc/nixos
state=$root/var/lib/self-specialise
log=$root/var/log/self-specialise.log
mounts=$root/run/self-specialise
declare -A attached=()

# The journal, also where a function's output goes into a file.
exec 3>&1

# What a disk or a build says may neither steer a terminal nor pass for the machine's host keys, which
# are read from the console; and a cloud shows the console to many: no passwords of URLs.
to_console() {
  tr --complement --delete '\t\n -~' |
    sed -e '/SSH HOST KEY/d' -e 's|://[^/@ ]*@|://***@|g' >> "$root/dev/console" || true
}

say() {
  echo "$*" >&3
  echo "self-specialise: $*" | to_console
}

fail() {
  # What fails in a subshell fails here once more: it is said once.
  if [ "$BASHPID" != $$ ]; then exit 1; fi
  trap - ERR
  say "FAILED: $*"
  say "this machine stays what it is; the next boot tries again"
  exit 1
}
trap 'fail "$BASH_COMMAND (line $LINENO); journalctl -u self-specialise has its words"' ERR

# Where a name is found, as type and source: file systems of that label, shares of that tag.
places() {
  blkid --cache-file /dev/null --match-token "LABEL=$1" --output device | sed 's/^/auto /' || true
  local tag
  for tag in "$root"/sys/fs/virtiofs/*/tag; do
    if [ "$(< "$tag")" = "$1" ]; then echo "virtiofs $1"; fi
  done
  for tag in "$root"/sys/bus/virtio/drivers/9pnet_virtio/*/mount_tag; do
    if [ "$(tr --delete '\0' < "$tag")" = "$1" ]; then echo "9p $1"; fi
  done
}

attach() {
  local name=$1 found type source options=ro,nodev,nosuid,noexec
  mapfile -t found < <(places "$name")
  if [ "${#found[@]}" = 0 ]; then return; fi
  if [ "${#found[@]}" != 1 ]; then fail "$name is there more than once: ${found[*]}"; fi
  read -r type source <<< "${found[0]}"
  if [ "$type" = 9p ]; then options+=,trans=virtio,version=9p2000.L; fi
  mkdir --parents "$mounts/$name"
  mount --types "$type" --options "$options" "$source" "$mounts/$name" || fail "$name: $source cannot be mounted"
  attached[$name]=yes
  say "$name is here, on $source"
}

# All but what is of no use: with .git in /etc/nixos, Nix would see nothing but what is committed.
copy() {
  find "$mounts/$1" -mindepth 1 -maxdepth 1 ! -name .git ! -name lost+found \
    -exec cp --recursive --remove-destination --target-directory "$2" {} +
}

take_keys() {
  (umask 077 && mkdir --parents "$root/root/.ssh" && copy NIXOS-KEYS "$root/root/.ssh")
  find "$root/root/.ssh" -type d -exec chmod 0700 {} +
  find "$root/root/.ssh" -type f -exec chmod 0600 {} +
  say "the keys are in /root/.ssh"
}

# What the configuration cannot know: the image that this machine was; the disk that it boots from,
# which is /boot's, as a root on ZFS is on no device; the id that its pool is imported by.
describe_machine() {
  local disk id=
  disk=$(lsblk --inverse --list --paths --noheadings --output NAME,TYPE \
    "$(findmnt --noheadings --output SOURCE --target /boot)" | sed -n 's/ *disk$//p' | head -n 1) || true
  if [ -e "$root/etc/hostid" ]; then id=$(hostid); fi
  printf '{"variant":"%s"%s%s}\n' "$VARIANT" "${disk:+,\"bootDisk\":\"$disk\"}" "${id:+,\"hostId\":\"$id\"}"
}

# Everything in one folder, beside /etc/nixos so that it can take its place in one step.
assemble() {
  rm -rf "$nixos.next"
  mkdir --parents "$nixos.next"
  copy NIXOS-FLEET "$nixos.next"
  if [ -v "attached[NIXOS-SELF]" ]; then
    rm -rf "$nixos.next/hosts/self"
    mkdir --parents "$nixos.next/hosts/self"
    copy NIXOS-SELF "$nixos.next/hosts/self"
  fi
  [ -f "$nixos.next/flake.nix" ] || fail "NIXOS-FLEET has no flake.nix"
  [ -f "$nixos.next/hosts/self/default.nix" ] ||
    fail "nothing says which machine this is: no default.nix on NIXOS-SELF, no hosts/self/default.nix on NIXOS-FLEET"
  describe_machine > "$nixos.next/machine.json"
  chmod --recursive u=rwX,go=rX "$nixos.next"
}

fingerprint() {
  tar --create --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --directory "$1" . | sha256sum
}

stamp() {
  cat "$state/$1" 2> /dev/null || true
}

# Its output goes to the journal and a file; the console, which clouds keep only the end of and which
# has the host keys, gets the last lines where it fails.
step() {
  say "$1"
  shift
  # What a fetch says may hold a token.
  install -D --mode 0600 /dev/null "$log"
  if ! "$@" 2>&1 | tee "$log"; then
    tail -n 20 "$log" | sed 's/^/  | /' | to_console
    fail "$1 did not succeed; all that it said is in ${log#"$root"}"
  fi
}

install --directory --mode 0700 "$state" "$mounts"
if [ "$FOLLOW" != true ] && [ -e "$state/installed" ]; then
  say "it has become its configuration: no disk is looked at (flakeship.selfSpecialise.follow)"
  exit
fi
udevadm settle --timeout=30 || true
for name in NIXOS-KEYS NIXOS-FLEET NIXOS-SELF; do attach "$name"; done

if [ ! -v "attached[NIXOS-FLEET]" ]; then
  if [ "${#attached[@]}" != 0 ]; then fail "${!attached[*]} is here, but no NIXOS-FLEET to go with it"; fi
  say "no configuration is attached (NIXOS-FLEET, NIXOS-SELF): this machine stays what it is"
  exit
fi

assemble
if [ -v "attached[NIXOS-KEYS]" ]; then take_keys; fi
id=$(fingerprint "$nixos.next")
if [ "$id" = "$(stamp installed)" ]; then
  rm -r "$nixos.next"
  say "the configuration on the disks is installed already"
  exit
fi
# The same disks as at the last try, which failed: what was mended by hand since is not overwritten.
if [ "$id" = "$(stamp taken)" ] && [ -e "$nixos/flake.nix" ]; then
  rm -r "$nixos.next"
  say "the disks are those of the last try: /etc/nixos is taken as it is now"
else
  if [ -e "$nixos" ]; then
    rm -rf "$nixos.previous"
    mv "$nixos" "$nixos.previous"
  fi
  mv "$nixos.next" "$nixos"
  echo "$id" > "$state/taken"
fi

step "locking the inputs of /etc/nixos" nix flake lock "$@" "path:$nixos"
step "building /etc/nixos#self, which takes minutes; ${log#"$root"} tells how far it is" \
  nixos-rebuild boot --no-reexec --flake "path:$nixos#self"
# Never remembered before it is safely there: after a power cut it is done once more.
sync
echo "$id" > "$state/installed"

new=$(readlink --canonicalize "$root/nix/var/nix/profiles/system")
if [ "$new" = "$(readlink --canonicalize "$root/run/current-system")" ]; then
  say "this machine is it already: $new"
  exit
fi
say "installed, rebooting into $new"
systemctl --no-block reboot
