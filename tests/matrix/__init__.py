"""Packets against definitions: what an oracle reads out of a definition, and what the kernel does with real packets."""
