"""Links with networks of other hosts by a connection: TLS, ssh, TCP. One supervisor for all of a network's.

It reads what to keep up from a file, so that a change of the links starts nothing anew but it.
"""

from vnethook.live import files, link_config, link_names
from vnethook.live.link_config import Config, Door, Target
from vnethook.plan.files import MakeDirectory, WriteFile
from vnethook.plan.link import KeepLinks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step

TRANSPORTS = ("tls", "ssh", "tcp")
OPEN = ("tcp", "vxlan")
"""Those without authentication."""
SSH_PORT = 22
_PACKAGES = __file__.rsplit("/", 3)[0]
_START = "import sys; sys.path.append(sys.argv.pop(1)); from vnethook.hook.links.supervisor import main; main(sys.argv)"


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """Run the supervisor, if the network has a link for it."""
    wanted = config(network, facts)
    if not (wanted.targets or wanted.doors):
        return []
    paths = facts.paths
    directory = paths.links(network.name)
    word = f"vnethook-links:{paths.run}:{network.name}"
    text = files.dumps(wanted.to_plain()) + "\n"
    return [
        MakeDirectory(directory),
        WriteFile(link_config.path(paths, network.name), text),
        KeepLinks(
            name="links",
            program="python3",
            arguments=(
                *("-IS", "-c", _START, _PACKAGES, word, network.name),
                *(paths.etc, paths.run, paths.state, paths.resolv_conf, str(paths.user)),
            ),
            word=word,
            directory=directory,
            configuration=text,
            link=link_names.links_bridge(network.uuid or ""),
            network=network.name,
        ),
    ]


def warnings(network: "Network") -> list[str]:
    """What whoever defines a link should know of it, a line each."""
    said = [("listen", item.transport) for item in network.listens]
    said += [("connection", item.transport) for item in network.connections]
    return [
        f"{what} by {transport}: nobody proves who he is, and nothing is encrypted"
        for what, transport in dict.fromkeys(said)
        if transport in OPEN
    ]


def config(network: "Network", facts: "Facts") -> Config:
    """What the supervisor is to keep up."""
    targets = tuple(
        Target(
            transport=item.transport,
            address=item.address,
            port=item.port or SSH_PORT,
            network=item.network or network.name,
            peer=item.peer or "",
            user=item.user or "",
        )
        for item in network.connections
        if item.transport in TRANSPORTS and item.address is not None
    )
    doors = tuple(
        Door(item.transport, item.address or "", item.port or 0, item.peers)
        for item in network.listens
        if item.transport in TRANSPORTS and not item.is_local
    )
    etc = facts.paths.etc
    return Config(targets=targets, doors=doors, tls=f"{etc}/tls", ssh=f"{etc}/ssh")
