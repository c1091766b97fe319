# shellcheck shell=sh
# Sourced by every builder: busybox' applets on PATH, and a way to run Debian's programs.
# shellcheck disable=SC2154 # the variables come from the derivation
"$bootstrap/bin/busybox" mkdir -p "$PWD/applets"
"$bootstrap/bin/busybox" --install -s "$PWD/applets"
export PATH="$PWD/applets"
umask 022

# There is no /lib64 in the sandbox, so each program is started through its own loader.
debian() {
  program=$1
  shift
  for tree in ${trees:-}; do
    if [ -x "$tree/bin/$program" ]; then
      "$base/lib/ld-linux-x86-64.so.2" --library-path "$base/lib:${nativeBuildInputs:-}/lib" \
        "$tree/bin/$program" "$@"
      return
    fi
  done
  echo "no $program in $trees" >&2
  return 1
}
