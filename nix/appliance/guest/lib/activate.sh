#!@busybox@ sh
# shellcheck shell=busybox disable=SC1008,SC2239 # filled in by build/toplevel.sh
# Makes /run/current-system, /usr, /etc and the users' files those of this system; safe to repeat.
export PATH=@toplevel@/sw/bin
umask 022

ln -s @toplevel@ /run/new-system
mv -T /run/new-system /run/current-system

# Debian's programs expect these; all of them follow the current system.
if [ ! -L /usr ]; then
  ln -s run/current-system/sw /usr
  ln -s usr/bin /bin
  ln -s usr/bin /sbin
  ln -s usr/lib /lib
  ln -s usr/lib /lib64
  mkdir -p /etc/ssh /root /home/nixos/.ssh /var/empty /var/log /var/lib /tmp /data
  chown -R 1000:100 /home/nixos
  chmod 700 /root /home/nixos /home/nixos/.ssh
  chmod 1777 /tmp
  ln -s /run /var/run
  ln -s /proc/mounts /etc/mtab
fi

# At a boot without a new generation there is nothing to do here.
if [ "$(readlink /etc/static)" != @toplevel@/etc ]; then
  ln -s @toplevel@/etc /etc/static.new
  mv -T /etc/static.new /etc/static
  # Links to what the new system no longer has.
  for link in /etc/* /etc/ssh/*; do
    [ -e "$link" ] || [ ! -L "$link" ] || rm "$link"
  done
  for entry in /etc/static/*; do
    [ "$entry" = /etc/static/ssh ] || set -- "$@" "$entry"
  done
  ln -sfn "$@" /etc/
  ln -sfn /etc/static/ssh/* /etc/ssh/
fi

# Files in the store cannot be setuid.
mkdir -p /run/wrappers/bin
cp -L @toplevel@/sw/lib/sudo.real /run/wrappers/bin/sudo.new
chmod 4755 /run/wrappers/bin/sudo.new
mv /run/wrappers/bin/sudo.new /run/wrappers/bin/sudo

/usr/lib/appliance/names
/usr/lib/appliance/keys
