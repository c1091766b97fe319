# shellcheck shell=sh disable=SC2154
echo "building the image" >&2
read -r line < "$toplevel"
echo "$line" > "$out"
