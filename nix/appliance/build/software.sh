# shellcheck shell=sh
# /run/current-system/sw, and so /usr: Debian's programs, busybox for the rest, and the appliance's own scripts.
# shellcheck disable=SC2154,SC1090
. "$setup"

mkdir -p "$out/bin" "$out/lib/appliance"
for applet in $("$base/bin/busybox" --list); do
  case $applet in
  sh | dpkg* | rpm* | linuxrc | halt | poweroff | reboot | run-init | mke2fs) ;;
  *) ln -s "$base/bin/busybox" "$out/bin/$applet" ;;
  esac
done
for program in "$base"/bin/*; do
  ln -sfn "$program" "$out/bin/$(basename "$program")"
done
for entry in "$base"/lib/*; do
  [ "${entry##*/}" = x86_64-linux-gnu ] || ln -s "$entry" "$out/lib/${entry##*/}"
done
ln -s . "$out/lib/x86_64-linux-gnu"
ln -s lib "$out/lib64"
ln -s bin "$out/sbin"
ln -s "$kernel/lib/modules" "$out/lib/modules"
ln -s "$base/libexec" "$out/libexec"
ln -s "$base/share" "$out/share"
ln -sfn nix "$out/bin/nix-daemon"
# Not busybox: its shell takes its own `ip` and `mount` before those on PATH.
ln -sfn "$base/bin/dash" "$out/bin/sh"
ln -s "$base/bin/sudo" "$out/lib/sudo.real"
ln -sfn /run/wrappers/bin/sudo "$out/bin/sudo"

for script in "$scripts"/bin/*; do
  name=$(basename "$script" .sh)
  rm -f "$out/bin/$name"
  cp "$script" "$out/bin/$name"
  chmod +x "$out/bin/$name"
done
for script in "$scripts"/lib/*; do
  name=$(basename "$script" .sh)
  cp "$script" "$out/lib/appliance/$name"
  chmod +x "$out/lib/appliance/$name"
done
ln -s poweroff "$out/bin/reboot"
ln -s poweroff "$out/bin/halt"
ln -s poweroff "$out/bin/shutdown"
