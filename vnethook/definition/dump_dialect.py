"""Writes what libvirt's dialect has not: forwarded and blocked ports, ports of the host, links with other networks."""

from vnethook.definition.document import Document, yes_only
from vnethook.definition.forwarding import PortForward, PortRule, shown_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.document import Attributes
    from vnethook.definition.fabric import Fabric
    from vnethook.definition.model import Network
    from vnethook.definition.peers import Connection, Listen


def write(document: Document, network: "Network") -> None:
    """Write `<forwarding>`, `<host>`, each `<listen>` and `<connections>`, in this order."""
    _forwarding(document, network)
    if network.offers is not None:
        document.empty("host", {"allow": network.offers.text})
    for listen in network.listens:
        if listen.is_local:
            document.empty("listen", {"local": "yes"})
        else:
            _listen(document, listen)
    if network.fabric is not None:
        _fabric(document, network.fabric)
    if network.connections:
        document.start("connections", {})
        for item in network.connections:
            said = {**_transport(item), "address": item.address, "port": item.port, "network": item.network}
            document.empty("connection", {**said, "peer": item.peer, "user": item.user})
        document.end("connections")


def _listen(document: Document, listen: "Listen") -> None:
    said = {**_transport(listen), "address": listen.address, "port": listen.port}
    if not listen.peers:
        document.empty("listen", said)
        return
    document.start("listen", said)
    for name in listen.peers:
        document.empty("peer", {"name": name})
    document.end("listen")


def _fabric(document: Document, fabric: "Fabric") -> None:
    said = {"address": fabric.address, "dev": fabric.device, "port": fabric.port, "as": fabric.as_number}
    attributes: Attributes = {"fabric": "evpn", "vni": fabric.vni, **said}
    if not fabric.peers:
        document.empty("connections", attributes)
        return
    document.start("connections", attributes)
    for peer in fabric.peers:
        document.empty("peer", {"address": peer.address, "client": yes_only(peer.is_client)})
    document.end("connections")


def _forwarding(document: Document, network: "Network") -> None:
    forwarding = network.forwarding
    if forwarding is None:
        return
    document.start("forwarding", {"enabled": None if forwarding.enabled else "no"})
    incoming, outgoing = forwarding.incoming, forwarding.outgoing
    if incoming is not None:
        _start(document, "incoming", incoming.default, has_children=bool(incoming.forwards))
        for forward in incoming.forwards:
            document.empty("allow", _forward(forward))
        _end(document, "incoming", has_children=bool(incoming.forwards))
    if outgoing is not None:
        _start(document, "outgoing", outgoing.default, has_children=bool(outgoing.rules))
        for rule in outgoing.rules:
            document.empty(rule.action, _rule(rule))
        _end(document, "outgoing", has_children=bool(outgoing.rules))
    document.end("forwarding")


def _start(document: Document, tag: str, default: str, *, has_children: bool) -> None:
    if has_children:
        document.start(tag, {"default": default})
    else:
        document.empty(tag, {"default": default})


def _end(document: Document, tag: str, *, has_children: bool) -> None:
    if has_children:
        document.end(tag)


def _forward(forward: PortForward) -> dict[str, str | int | None]:
    return {
        "port": shown_ports(forward.ports),
        "protocol": _protocol(forward.protocol),
        "to": shown_ports(forward.to) if forward.to else None,
        "domain": forward.domain,
        "address": forward.address,
        "from": forward.source,
        "on": forward.on,
    }


def _rule(rule: PortRule) -> dict[str, str | int | None]:
    return {
        "port": shown_ports(rule.ports) if rule.ports else None,
        "protocol": None if rule.protocol == ("both" if rule.ports else "any") else rule.protocol,
        "destination": rule.destination,
        "domain": rule.domain,
        "from": rule.source,
    }


def _protocol(protocol: str) -> str | None:
    return None if protocol == "both" else protocol


def _transport(item: "Listen | Connection") -> dict[str, str | int | None]:
    return {"transport": None if item.transport == "tls" else item.transport}
