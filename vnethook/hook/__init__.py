"""A hypervisor's call, turned into a NIC on a network and an exit status: the way that a guest's start waits for."""
