"""The way of every hook: which network, is it up, attach. All that a guest's start waits for is here or below `live`.

A network that is up costs nothing but the files and netlink messages of `live`. Only one that is down, or not as it
came up, takes the lazy import below: the slow half of the package, and even that without any library.
"""

import posix

from vnethook.hook import resolve
from vnethook.live import paths as places
from vnethook.live import port, process, record
from vnethook.live.lock import Lock
from vnethook.live.nics import Nic
from vnethook.live.rtnl import Links
from vnethook.names import check_link_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.hook.request import NicRequest
    from vnethook.live.paths import Paths


def attach(paths: "Paths", request: "NicRequest") -> list[str]:
    """Attach the NIC to the network that the request means, bringing it up if need be; give warnings.

    Raises any of the VnetErrors; then the NIC is not attached.
    """
    check_link_name(request.interface)
    network, portgroup = resolve.network_of(paths, request)
    links = Links()
    port.require_link(links, request.interface, network)
    nic = Nic(
        interface=request.interface,
        network=network,
        mac=request.mac,
        guest=request.guest,
        owner=request.owner,
        via=request.via,
        portgroup=portgroup,
        guest_uuid=request.guest_uuid,
        asked=request.asked,
        mtu=request.mtu,
        device=request.device,
        beside=request.beside,
        is_paired=request.is_paired,
        guard=request.guard,
    )
    warnings = port.attach_warm(paths, links, network, nic)
    return _attach_cold(paths, links, network, nic) if warnings is None else warnings


def bring_up(paths: "Paths", network: str) -> None:
    """Have a network up and as it came up, before a guest's links exist; raise what bringing it up raises."""
    links = Links()
    with Lock(paths.lock(network), shared=True):
        live = record.read(paths, network)
        if live is not None and not record.fault(live, links):
            return
    from vnethook.host.host import Host  # noqa: PLC0415 (the one way into the slow half)
    from vnethook.lifecycle import attach as cold  # noqa: PLC0415 (the one way into the slow half)

    cold.bring_up(Host(paths, links), network)


def detach(paths: "Paths", interface: str) -> None:
    """Take a NIC off its network, with what it had there beside its port. Never fails on what is gone."""
    links = Links()
    nic = port.detach(paths, links, interface)
    if nic is not None and nic.is_limited:
        from vnethook.host.host import Host  # noqa: PLC0415 (the one way into the slow half)
        from vnethook.lifecycle import attach as cold  # noqa: PLC0415 (the one way into the slow half)

        cold.detach(Host(paths, links), interface)


def _attach_cold(paths: "Paths", links: Links, network: str, nic: "Nic") -> list[str]:
    from vnethook.host.host import Host  # noqa: PLC0415 (the one way into the slow half)
    from vnethook.lifecycle import attach as cold  # noqa: PLC0415 (the one way into the slow half)

    return cold.attach(Host(paths, links), network, nic)


def run(hook: "Callable[[Paths, list[str]], None]", argv: list[str]) -> int:
    """Run a hook's own part; report what it raises, once, on stderr and to the system log; give the exit status."""
    try:
        posix.umask(0o022)
        process.fill_standard_descriptors()
        hook(places.current(), argv)
    except Exception as error:  # noqa: BLE001 (the one place: a bug must end in a status that the hypervisor sees)
        from vnethook.hook import reporting  # noqa: PLC0415 (only where there is something to say)

        return reporting.failure(argv[0], error)
    return 0


def warn(hook: str, warnings: list[str]) -> None:
    """Tell the guest's owner and the log what is not as it may seem."""
    if warnings:
        from vnethook.hook import reporting  # noqa: PLC0415 (as above)

        for warning in warnings:
            reporting.say(f"{hook}: {warning}")
