"""Xen's vif script for all networks: `vif-vnet online|offline type_if=vif`, `vif-vnet add|remove type_if=tap`.

libxl goes by the exit status; the kernel's netback lets a guest send only once `hotplug-status` is `connected`. A
failure is told there and in `hotplug-error`, which xl and xend print. libxl waits 40 s and then kills without a signal
that could be caught, xend 100 s, an early one 5 s: nobody could keep to those. Detaching asks the store for nothing.
Contract: tools/libs/light/libxl_device.c and libxl_nic.c of Xen, drivers/net/xen-netback/xenbus.c of Linux.
"""

import sys
from time import monotonic, sleep

from vnethook.errors import HostError, UsageError, VnetError
from vnethook.hook import deadline, resolve, serve, xen_call, xen_nodes
from vnethook.hook.request import NicRequest
from vnethook.hook.xen_call import NAME, TAP, VIF
from vnethook.hook.xenstore import Store, StoreError
from vnethook.live import files, nics
from vnethook.live.paths import variables
from vnethook.live.rtnl import Links
from vnethook.mac import canonical_mac, is_multicast_mac
from vnethook.names import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vnethook.hook.xen_call import Call, Vif
    from vnethook.hook.xen_nodes import Nodes
    from vnethook.live.paths import Paths
    from vnethook.live.rtnl import Link

DEADLINE_S = 31.0
"""Later than who waits for a lock in vain, and says for whom; see lock.DEADLINE_S."""
DEVICE_S = 2.0
"""For a device that should be there; it is made before the hook is called."""
XL_DEFAULT = "xenbr0"
"""What xl writes as `bridge` where its user wrote none: vif.default.bridge, xl.conf(5)."""
MTU_MIN, MTU_MAX = 68, 65535


def main() -> int:
    """The exit status of vif-vnet."""
    return serve.run(_run, sys.argv)


def _run(paths: "Paths", argv: list[str]) -> None:
    environ = variables()
    failure = _Failure()
    deadline.begin(DEADLINE_S, failure.last_word)
    try:
        failure.vif = xen_call.vif_of(environ)
        call = failure.call = xen_call.read(failure.vif, argv)
        _act(paths, call, environ)
    except VnetError as error:
        is_mute = isinstance(error, StoreError) and error.is_unreached
        if not is_mute:
            failure.tell(f"{error.message} ({error.hint})" if error.hint else error.message)
        raise
    except Exception:
        failure.tell("internal error of vif-vnet: see the system log")
        raise
    finally:
        deadline.finish()


class _Failure:
    """Who is told of a failure, and by which nodes, as far as it is known whose vif a call is about."""

    def __init__(self) -> None:
        self.vif: Vif | None = None
        self.call: Call | None = None

    def tell(self, text: str) -> None:
        """Write why the vif does not work, for the toolstack; what is not in the store is not made there."""
        if self.vif is None or (self.call is not None and self.call.is_down):
            return
        try:
            xen_nodes.tell_error(self.vif, text)
        except StoreError as error:
            serve.warn(NAME, [str(error)])  # the caller is told what went wrong first

    def last_word(self, reason: str) -> None:
        """Tell everybody that the process ends here."""
        call = self.call
        text = f"interface {call.device!r}: {'detach' if call.is_down else 'attach'}: {reason}" if call else reason
        serve.warn(NAME, [text])
        self.tell(text)


def _act(paths: "Paths", call: "Call", environ: "Mapping[str, str]") -> None:
    if not (call.is_up or call.is_down):
        return
    if environ.get("UDEV_CALL"):
        try:
            with Store() as store:
                found = _of_udev(store, call)
        except StoreError:
            if call.is_up:
                raise
            found = call
        if found is None:
            return
        call = found
    if call.is_up:
        _up(paths, call, environ)
    else:
        _down(paths, call)


def _of_udev(store: Store, call: "Call") -> "Call | None":
    """What a call by udev is to do; None for nothing: the toolstack calls itself, or the vif has another script.

    udev does not know the vif of a tap that has come, nor what its script is called with.
    """
    if store.find("libxl/disable_udev") is not None:
        return None
    if call.kind == TAP and call.is_up:
        return xen_call.by_script(call, store.find(f"{call.vif.path}/script") or "")
    return call


def _up(paths: "Paths", call: "Call", environ: "Mapping[str, str]") -> None:
    with Store() as store:
        links = Links()
        nodes = xen_nodes.read(store, call.vif)
        request = _request(call, nodes).replace(
            explicit=environ.get("VNET_NETWORK", "") or _named(paths, links, call, nodes),
            portgroup=environ.get("VNET_PORTGROUP", ""),
        )
        before = nics.read(paths, request.interface)
        link = _device(links, call, request.interface)
        if link.name == request.interface:
            warnings = serve.attach(paths, request)
        else:
            warnings = _attach_renamed(paths, links, link, request)
        serve.warn(NAME, warnings)
        if call.kind == VIF:
            try:
                xen_nodes.tell_connected(store, call.vif, links.link(request.interface))
            except BaseException:
                if before is None or before.index != link.index:
                    _down(paths, call)
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
        guest_uuid=nodes.uuid,
        asked=_addresses(nodes.ip or call.words.get("ip", "")),
        mtu=_mtu(what, nodes.mtu) if nodes.mtu else 0,
        device=call.device if name != call.device else "",
        beside=(nodes.vifname or call.vif.link) if call.kind == TAP else "",
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


def _attach_renamed(paths: "Paths", links: Links, link: "Link", request: NicRequest) -> list[str]:
    """Attach a NIC under the name that its guest's configuration says; on a failure it has its own name again."""
    from vnethook.live import renaming  # noqa: PLC0415 (few links are renamed)

    files.make_link(paths.renamed(link.name), request.interface)
    renaming.rename(links, link, request.interface, alias=link.name)
    try:
        return serve.attach(paths, request)
    except BaseException:
        renaming.rename(links, link.replace(name=request.interface, is_up=True), link.name, alias="")
        files.remove(paths.renamed(link.name))
        raise


def _down(paths: "Paths", call: "Call") -> None:
    """Detach a NIC, whatever of it is still there; what has come by its name since then is another's."""
    _forget(paths, call.device)
    if call.kind == VIF:
        tap = call.device + xen_call.EMULATED
        if Links().link(files.link_target(paths.renamed(tap)) or tap) is None:
            _forget(paths, tap)  # under xend nobody says that it has gone


def _forget(paths: "Paths", device: str) -> None:
    name = files.link_target(paths.renamed(device))
    for interface in (device, name) if name else (device,):
        nic = nics.read(paths, interface)
        if nic is not None and (nic.device or nic.interface) == device:
            serve.detach(paths, interface)
    if name:
        from vnethook.live import renaming  # noqa: PLC0415 (few links are renamed)

        links = Links()
        link = links.link(name)
        if link is not None and renaming.alias(links, link) == device:
            try:
                renaming.rename(links, link, device, alias="")
            except VnetError:
                if links.link(name) is not None:  # else the toolstack was faster
                    raise
        files.remove(paths.renamed(device))
