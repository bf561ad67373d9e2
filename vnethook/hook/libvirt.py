"""libvirt's hook for QEMU guests: brings a guest's networks up before its taps exist, and keeps records of its NICs.

Called as `GUEST ACTION begin|end EXTRA` with the domain XML on stdin, once for each stage of a guest's life; stdout
must stay empty, since for `migrate` and `restore` it would replace the XML. Contract: libvirt's "Hooks for specific
system management". A status other than 0 stops the guest at `prepare` and `start`, and kills it at `reconnect`, so
whatever has nothing to do with our networks ends with 0 here, before anything but the XML is looked at.
"""

import posix
import sys

from vnethook.hook import libvirt_domain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.hook.libvirt_domain import Domain

NAME = "libvirt"
ACTIONS = ("prepare", "start", "reconnect", "release")
"""The stages that matter here; hot-plugging has none."""
_MAY_FAIL = ("prepare", "start")


def main() -> int:
    """The exit status of the hook."""
    argv = sys.argv
    if len(argv) > 2 and argv[2] not in ACTIONS:
        return 0
    domain = None
    try:
        if len(argv) > 2:
            domain = libvirt_domain.read(0)
            if not _is_ours(argv[2], domain):
                return 0
    except Exception as error:  # noqa: BLE001 (a guest that may have nothing of ours starts, whatever its XML is)
        return _left_alone(argv, error)
    from vnethook.hook import libvirt_guest, serve  # noqa: PLC0415 (only for a guest with a network of ours)

    status = serve.run(lambda paths, argv: libvirt_guest.act(paths, argv, domain), argv)
    return status if domain is None or argv[2] in _MAY_FAIL else 0


def _is_ours(action: str, domain: "Domain") -> bool:
    """Whether a guest has anything to do with our networks: by what prepare and start wrote down, or by its XML."""
    if action == "release":
        from vnethook.live import files, paths  # noqa: PLC0415 (most calls need neither)

        places = paths.current()
        return files.exists(places.libvirt_guest(domain.uuid)) or files.exists(places.announcement(domain.uuid))
    if domain.assignments or domain.problem:
        return True
    if posix.geteuid() != 0:
        return False  # of qemu:///session: the networks of the host are out of its user's reach
    if any(interface.has_script for interface in domain.interfaces):
        return True
    bridges = {interface.bridge for interface in domain.interfaces if interface.bridge}
    return bool(bridges) and any(map(_is_bridge_of_ours, bridges))


def _is_bridge_of_ours(bridge: str) -> bool:
    """Whether a bridge is that of a network that is live or defined, by links between them, or of a shared NIC."""
    from vnethook.live import files, paths  # noqa: PLC0415 (most calls need neither)

    places = paths.current()
    found = (places.defined_bridge(bridge), places.bridge_users(bridge), f"{places.shared_interfaces}/{bridge}.json")
    return files.link_target(f"{places.bridges}/{bridge}") is not None or any(map(files.exists, found))


def _left_alone(argv: list[str], error: Exception) -> int:
    """Say, in the system log and to libvirt's, why a guest is left alone."""
    from vnethook.hook import serve  # noqa: PLC0415 (only where there is something to say)
    from vnethook.names import shown  # noqa: PLC0415 (as above)

    serve.warn(NAME, [f"guest {shown(argv[1])}: {argv[2]}: left alone: {type(error).__name__}: {error}"])
    return 0
