#!/usr/bin/env bash
# Puts Debian's nix-bin with its libraries into a folder of its own: no daemon, nothing for the system's package
# manager. It needs root, because it uses /nix as a single-user store, amd64 and a Debian mirror.
# usage: install.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dest=${1:?usage: install.sh FOLDER}
suite=trixie
mirror=http://deb.debian.org/debian
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The packages' closure, less what only maintainer scripts and Perl helpers use.
unused='^(perl|perl-.*|libperl.*|lib(dbi|dbd-sqlite3|www-curl)-perl|debconf|debianutils|passwd|base-passwd|login\.defs'
unused+='|libdebconfclient0|libpam.*|libsemanage.*|libsepol2|libaudit.*|libgdbm.*|curl|libcurl4t64|xz-utils|bzip2'
unused+='|readline-common|gcc-14-base|libdb5.*)$'

fetch() {
  local root=$1 apt
  apt=$(mktemp -d)
  # shellcheck disable=SC2064  # the folder as it is now
  trap "rm -rf '$apt'" EXIT
  mkdir -p "$apt"/{lists/partial,cache/archives/partial,debs} "$root"
  : >"$apt/status"
  echo "deb [signed-by=$keyring] $mirror $suite main" >"$apt/sources.list"
  # A private apt: its own sources, lists and cache, and an empty list of installed packages.
  local options=(-qq -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
    -o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::State::lists="$apt/lists"
    -o Dir::Cache="$apt/cache" -o Dir::Log="$apt" -o APT::Sandbox::User=root -o Acquire::Languages=none
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o APT::Update::Post-Invoke::=)
  apt-get "${options[@]}" update
  local packages
  mapfile -t packages < <(apt-get "${options[@]}" --no-install-recommends --print-uris install nix-bin |
    awk '{print $2}' | cut -d_ -f1 | grep -vE "$unused")
  ((${#packages[@]} > 20)) || { echo "$mirror does not list nix-bin in $suite" >&2; exit 1; }
  (cd "$apt/debs" && apt-get "${options[@]}" download "${packages[@]}")
  local deb
  for deb in "$apt"/debs/*.deb; do dpkg-deb -x "$deb" "$root"; done
  (cd "$apt/debs" && ls) >"$root/packages.txt"
  rm -rf "$root"/usr/share/{doc,man,locale,info,lintian,bug} "$root"/usr/lib/x86_64-linux-gnu/{gconv,engines-3}
}

mkdir -p "$dest"/{bin,etc} /nix
dest=$(cd "$dest" && pwd)
if [[ ! -d $dest/root ]]; then
  rm -rf "$dest/root.new"
  fetch "$dest/root.new"
  mv "$dest/root.new" "$dest/root"
fi
install -m 644 "$here/nix.conf" "$dest/etc/nix.conf"
install -m 755 "$here/nix" "$dest/bin/nix"
for command in "$dest"/root/usr/bin/nix-*; do ln -sfn nix "$dest/bin/${command##*/}"; done
