# shellcheck shell=sh
# Writes the texts file0, file1, ... to the paths of the same position.
# shellcheck disable=SC2154,SC1090
. "$setup"

mkdir "$out"
i=0
for path in $paths; do
  mkdir -p "$out/$(dirname "$path")"
  eval "source=\$file${i}Path"
  # shellcheck disable=SC2154 # set by the eval
  cp "$source" "$out/$path"
  # A text that starts like a script is one.
  case $(head -c 2 "$source") in '#!') chmod +x "$out/$path" ;; esac
  i=$((i + 1))
done
