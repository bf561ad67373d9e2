"""What the supervisor of links is told, and what whoever defines links should know."""

from vnethook.capability import link, support
from vnethook.definition.model import Bridge, Network
from vnethook.definition.peers import Connection, Listen
from vnethook.host.facts import Facts
from vnethook.live.link_config import Config, Door, Target
from vnethook.live.paths import Paths

FACTS = Facts(Paths("/etc/vnethook", "/run/vnethook", "/var/lib/vnethook"))


def _network(*, listens: tuple[Listen, ...] = (), connections: tuple[Connection, ...] = ()) -> Network:
    return Network("lab", bridge=Bridge("br0"), listens=listens, connections=connections)


def test_a_network_without_links_has_no_supervisor() -> None:
    assert link.plan(_network(listens=(Listen(is_local=True), Listen("vxlan"))), FACTS) == []


def test_the_supervisor_is_told_all_that_the_definition_says() -> None:
    network = _network(
        listens=(Listen("tls", "192.0.2.1", 7443, peers=("b.example",)), Listen("ssh")),
        connections=(
            Connection("tls", "192.0.2.2", 7443, peer="c.example"),
            Connection("ssh", "far.example", network="theirs", user="lab"),
        ),
    )
    assert link.config(network, FACTS) == Config(
        targets=(
            Target("tls", "192.0.2.2", 7443, peer="c.example", network="lab"),
            Target("ssh", "far.example", 22, user="lab", network="theirs"),
        ),
        doors=(Door("tls", "192.0.2.1", 7443, ("b.example",)), Door("ssh")),
        tls="/etc/vnethook/tls",
        ssh="/etc/vnethook/ssh",
    )
    assert support.warnings(network) == ()


def test_what_has_no_authentication_is_warned_about() -> None:
    network = _network(listens=(Listen("tcp", port=1), Listen("tcp", port=2)))
    assert link.warnings(network) == ["listen by tcp: nobody proves who he is, and nothing is encrypted"]
