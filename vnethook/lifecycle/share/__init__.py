"""NICs of the host's that guests share: given over to a bridge and back, for good by files, or by proxy ARP."""
