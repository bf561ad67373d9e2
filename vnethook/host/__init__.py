"""Beside `live`, the only code that touches the machine."""
