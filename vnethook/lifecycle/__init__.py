"""Networks come up, go down, are checked and mended: lock, plan, apply, record."""
