"""Networks with NAT go on while the NIC that they go out by is shared, and when it is given back."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.lab import Host, Machine, wait_for
from tests.lab.client import Client
from tests.lab.lan import GATEWAY, OURS, connect

pytestmark = pytest.mark.netns
LAB = """
<network>
  <name>lab</name>
  <forward mode='nat'/>
  <ip address='10.44.0.1' prefix='24'><dhcp><range start='10.44.0.10' end='10.44.0.90'/></dhcp></ip>
</network>
"""
SPEAK = f"""
import socket, sys
listener, datagrams = socket.create_server(("{GATEWAY}", 7000)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("{GATEWAY}", 7000))
print("ready")
connection, _ = listener.accept()
asker = datagrams.recvfrom(9)[1]
for line in sys.stdin.buffer:
    connection.sendall(line)
    datagrams.sendto(line, asker)
"""
LISTEN = f"""
import socket
stream = socket.create_connection(("{GATEWAY}", 7000), timeout=20)
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.connect(("{GATEWAY}", 7000))
datagrams.settimeout(20)
datagrams.send(b"asked")
while said := stream.recv(9):
    print(said.decode().strip(), datagrams.recv(9).decode().strip())
"""
SERVE = """
import socket
listener = socket.create_server(("0.0.0.0", 80))
while True:
    listener.accept()[0].close()
"""


@pytest.fixture(scope="module")
def router() -> Iterator[Machine]:
    with Machine("router") as router:
        yield router


@pytest.fixture(scope="module")
def host(router: Machine) -> Iterator[Host]:
    with Host() as host:
        connect(host, router)
        yield host


def test_a_guest_keeps_the_outside_its_connections_and_its_forwarded_port(host: Host, router: Machine) -> None:
    host.vnet("net-create", "-", stdin=LAB)
    with Client(host, "alice", port="veth-alice") as alice:
        host.vnet("attach", "veth-alice", "--network", "lab")
        lease = alice.lease()
        alice.run(["ip", "route", "replace", "default", "via", lease["router"]])
        host.vnet("forward-add", "lab", "8080/tcp", f"{lease['ip']}:80")
        python = ["python3", "-ISuc"]
        alice.popen([*python, SERVE])
        speaker = router.popen([*python, SPEAK], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert speaker.stdout.readline() == b"ready\n"
        wait_for(lambda: router.connects(OURS, 8080), "the forwarded port")
        listener = alice.popen([*python, LISTEN], stdout=subprocess.PIPE)
        shared = ["share", "eth0", "--yes", "--layout"]
        for words in ([], [*shared, "bridge"], ["unshare", "eth0"], [*shared, "proposal"], ["unshare", "eth0"]):
            if words:
                host.vnet(*words)
            speaker.stdin.write(b"x\n")  # the outside is the first to speak
            speaker.stdin.flush()
            assert listener.stdout.readline() == b"x x\n"
            assert router.connects(OURS, 8080)
    host.vnet("net-destroy", "lab", "--force")
