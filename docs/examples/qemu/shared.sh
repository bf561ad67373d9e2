#!/bin/sh
# A guest with two NICs on the physical network, by shared interface eth0 (`vnet share eth0`), and one on network lab.
# Once: ln -s qemu-ifup /usr/libexec/vnethook/qemu-ifup-eth0
hooks=/usr/libexec/vnethook
exec qemu-system-x86_64 -name web -m 1024 -drive file=web.qcow2 \
  -netdev "tap,id=n0,script=$hooks/qemu-ifup-eth0,downscript=$hooks/qemu-ifdown" \
  -device virtio-net-pci,netdev=n0,mac=52:54:00:00:53:01 \
  -netdev "bridge,id=n1,br=ebreth0,helper=$hooks/qemu-bridge-helper" \
  -device virtio-net-pci,netdev=n1,mac=52:54:00:00:53:02 \
  -netdev "bridge,id=n2,br=lab,helper=$hooks/qemu-bridge-helper" \
  -device virtio-net-pci,netdev=n2,mac=52:54:00:00:53:03
