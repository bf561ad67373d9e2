"""What `vnet` is under the name `virsh`: virsh's options, command line, words and exit status for the network verbs."""
