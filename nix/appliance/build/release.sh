# shellcheck shell=sh
# shellcheck disable=SC2154,SC1090
. "$setup"
printf '%s\n' "$manifest" >"$out"
