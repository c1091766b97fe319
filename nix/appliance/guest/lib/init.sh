#!@busybox@ sh
# shellcheck shell=busybox disable=SC1008,SC2239 # filled in by build/toplevel.sh
# The first program on the root file system (the boot menu names it): makes this system the current one.
export PATH=@toplevel@/sw/bin
mount -t tmpfs -o mode=755,size=25% run /run
mkdir -p /dev/pts /dev/shm /run/units
mount -t devpts -o mode=620 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
ln -s @toplevel@ /run/booted-system
hostname -F @toplevel@/etc/hostname
@toplevel@/activate
exec /usr/bin/init
