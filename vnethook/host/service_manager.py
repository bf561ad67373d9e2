"""Tell the service manager how a service is, where there is one that wants to know. Source: sd_notify(3)."""

import os
import socket

READY, STOPPING = "READY=1", "STOPPING=1"


def tell(state: str) -> None:
    """Tell it; nothing where nobody asked, or where it cannot be reached: then it notices by itself."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")):
        return
    address = f"\0{place[1:]}" if place.startswith("@") else place
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        try:
            manager.connect(address)
            manager.send(state.encode())
        except OSError:
            return
