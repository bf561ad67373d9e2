"""What a user's own network is made of: `<backend type=…/>` under `<forward mode='user'>`."""

from vnethook.names import refuse, shown

USER = "user"
"""The forward mode that only a network of an ordinary user's has: out by programs of the user's, as all they do."""
NAMESPACE, VDE = "namespace", "vde"
"""A bridge in a network namespace of the user's; a switch that is a process, without the kernel's help."""
BACKENDS = (NAMESPACE, VDE)


def check_backend(mode: str, backend: "str | None") -> None:
    """Raise DefinitionError for a kind that there is not, or that the forward mode has no use for."""
    if backend is None:
        return
    if backend not in BACKENDS:
        refuse(f"forward backend {shown(backend)}: must be {' or '.join(BACKENDS)}")
    if mode != USER:
        refuse(f"forward: backend is for mode {USER!r}, not {shown(mode)}")
