"""Networks for the guests of existing hypervisors, attached by the hooks that those hypervisors call."""

__version__ = "0.1.0"
