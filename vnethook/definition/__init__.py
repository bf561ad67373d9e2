"""What the administrator wrote: the network model, its XML, and the store that keeps it."""
