"""The `vnet` command. click is imported here and nowhere else."""
