"""Attaches a vif, or the tap beside it, as its nodes in xenstore ask: the longer half of vif-vnet."""

from time import monotonic, sleep

from vnethook.errors import HostError, UsageError
from vnethook.hook import resolve, serve, xen_call, xen_nodes
from vnethook.hook.request import NicRequest
from vnethook.hook.xen_call import NAME, TAP, VIF
from vnethook.hook.xenstore import Store, StoreError
from vnethook.live import files, nics
from vnethook.live.rtnl import Links
from vnethook.mac import canonical_mac, is_multicast_mac
from vnethook.names import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vnethook.hook.xen_call import Call
    from vnethook.hook.xen_nodes import Nodes
    from vnethook.live.paths import Paths
    from vnethook.live.rtnl import Link

DEVICE_S = 2.0
"""For a device that should be there; it is made before the hook is called."""
XL_DEFAULT = "xenbr0"
"""What xl writes as `bridge` where its user wrote none: vif.default.bridge, xl.conf(5)."""
MTU_MIN, MTU_MAX = 68, 65535


def of_udev(call: "Call") -> "Call | None":
    """What a call by udev is to do; None for nothing: the toolstack calls itself, or the vif has another script.

    udev does not know the vif of a tap that has come, nor what its script is called with. Detaching needs no store.
    """
    try:
        with Store() as store:
            if store.find("libxl/disable_udev") is not None:
                return None
            if call.kind == TAP and call.is_up:
                return xen_call.by_script(call, store.find(f"{call.vif.path}/script") or "")
    except StoreError:
        if call.is_up:
            raise
    return call


def attach(paths: "Paths", call: "Call", environ: "Mapping[str, str]") -> None:
    """Attach the NIC that a call is about, and tell who waits for it; raise any of the VnetErrors."""
    with Store() as store:
        links = Links()
        nodes = xen_nodes.read(store, call.vif)
        request = _request(call, nodes).replace(
            explicit=environ.get("VNET_NETWORK", "") or _named(paths, links, call, nodes),
            portgroup=environ.get("VNET_PORTGROUP", ""),
        )
        before = nics.read(paths, request.interface)
        link = _device(links, call, request.interface)
        serve.warn(NAME, _attach(paths, links, link, request))
        if call.kind == VIF:
            try:
                xen_nodes.tell_connected(store, call.vif, links.link(request.interface), mtu=request.mtu)
            except BaseException:
                if before is None or before.index != link.index:
                    serve.detach(paths, request.interface)
                    _give_back(paths, links, request)
                raise


def _request(call: "Call", nodes: "Nodes") -> NicRequest:
    """What the nodes ask for; raise UsageError or DefinitionError for what cannot be meant."""
    what = f"interface {call.device!r}"
    if not nodes.mac:
        msg = f"{call.vif.path}/mac: not in xenstore"
        raise HostError(msg, hint="the toolstack writes it; see `xenstore-ls`")
    mac = canonical_mac(nodes.mac)
    if is_multicast_mac(mac):
        msg = f"{what}: MAC {mac}: is that of a group"
        raise UsageError(msg, hint="mac= of a guest begins with 00:16:3e")
    name = call.name_for(nodes.vifname)
    return NicRequest(
        interface=name,
        guest=nodes.guest,
        mac=mac,
        via=NAME,
        takes_any_bridge=True,  # as with vif-bridge
        guest_uuid=nodes.uuid,
        asked=_addresses(nodes.ip or call.words.get("ip", "")),
        mtu=_mtu(what, nodes.mtu) if nodes.mtu else 0,
        device=call.device if name != call.device else "",
        beside=(nodes.vifname or call.vif.link) if call.kind == TAP else "",
        is_paired=call.kind == TAP or "ioemu" in nodes.kind,
    )


def _named(paths: "Paths", links: Links, call: "Call", nodes: "Nodes") -> str:
    """What the guest's configuration says of its network, empty if nothing. Classic scripts go by the store first.

    What a bridge= means, a network's name, its bridge, or one of the host's, is known by resolve.network_of alone.
    """
    named = call.words.get("network", "") or call.named
    if named:
        return named
    bridge = nodes.bridge or call.words.get("bridge", "")
    is_default = bridge == XL_DEFAULT and not resolve.is_known(paths, bridge) and links.link(bridge) is None
    return "" if is_default else bridge


def _addresses(text: str) -> tuple[str, ...]:
    """The addresses of ip=, each perhaps with the length of its prefix, which the network knows better."""
    if not text.strip():
        return ()
    from vnethook.address import canonical_ip, parse_subnet  # noqa: PLC0415 (few guests' configurations say any)

    words = text.split()
    for word in words:
        parse_subnet(word)
    return tuple(dict.fromkeys(canonical_ip(word.partition("/")[0]) for word in words))


def _mtu(what: str, text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(MTU_MAX))
    if not is_number or not MTU_MIN <= int(text) <= MTU_MAX:
        msg = f"{what}: MTU {shown(text)}: must be a number from {MTU_MIN} to {MTU_MAX}"
        raise UsageError(msg, hint="mtu= of the guest's vif=[…]")
    return int(text)


def _device(links: Links, call: "Call", name: str) -> "Link":
    """The link of a vif, by its own name or renamed by an earlier call; raise HostError if it is not to be seen."""
    deadline_s = monotonic() + DEVICE_S
    while True:
        link = links.link(call.device)
        if link is not None:
            return link
        other = links.link(name) if name != call.device else None
        if other is not None:
            from vnethook.live import renaming  # noqa: PLC0415 (few links are renamed)

            if renaming.alias(links, other) == call.device:
                return other
        if monotonic() >= deadline_s:
            maker = "xen-netback" if call.kind == VIF else "the guest's device model"
            msg = f"interface {call.device!r}: no such network interface"
            raise HostError(msg, hint=f"{maker} has not made it within {DEVICE_S:g} s: see dmesg and /var/log/xen")
        sleep(0.02)


def _attach(paths: "Paths", links: Links, link: "Link", request: NicRequest) -> list[str]:
    """Attach a NIC under the name that its guest's configuration says; on a failure it has its own name again."""
    if link.name == request.interface:
        return serve.attach(paths, request)
    from vnethook.live import renaming  # noqa: PLC0415 (few links are renamed)

    try:
        files.make_link(paths.renamed(link.name), request.interface)
        renaming.rename(links, link, request.interface, alias=link.name)
        return serve.attach(paths, request)
    except BaseException:
        renaming.undo(paths, links, link.name)
        raise


def _give_back(paths: "Paths", links: Links, request: NicRequest) -> None:
    """Have a link that was renamed by its own name again."""
    if request.device:
        from vnethook.live import renaming  # noqa: PLC0415 (few links are renamed)

        renaming.undo(paths, links, request.device)
