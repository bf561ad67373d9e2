"""Whatever stands in a vif's nodes, its call ends as it should: attached and connected, or refused with a sentence."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.lab.xen import CONNECTED
from vnethook.hook.xenstore import Store

pytestmark = [pytest.mark.netns, pytest.mark.xen]
ANY = st.binary(min_size=1, max_size=40).map(lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
NEARLY = {
    "mac": st.from_regex(r"[0-9a-f]{1,2}([:-][0-9A-F]{1,3}){4,6}", fullmatch=True),
    "bridge": st.sampled_from(
        ["lab", "vnlab", "default", "lab:apart", "lab:", ":lab", "lo", "..", "vif0.0", "lab\n", "0"]
    ),
    "ip": st.from_regex(r"( ?10\.53\.[01]\.\d{1,3}(/\d{1,2})?){1,3}", fullmatch=True),
    "vifname": st.from_regex(r"[a-z/ .:@+%-]{1,16}", fullmatch=True),
    "mtu": st.from_regex(r"[+-]?\d{1,6}", fullmatch=True),
    "type": st.sampled_from(["vif", "vif_ioemu", "ioemu"]),
    "domain": ANY,
    "uuid": ANY,
}
NODES = st.dictionaries(st.sampled_from([*NEARLY]), ANY, max_size=2).flatmap(
    lambda odd: st.fixed_dictionaries({}, optional=NEARLY).map(lambda nearly: nearly | odd)
)


def write(dom0, vif, nodes):
    """As bytes: xenstore-write takes some values for options."""

    def call():
        os.environ.update(dom0.environment)
        with Store() as store:
            for name, value in nodes.items():
                store._ask(11, "write", f"{vif.nodes}/{name}", value.encode("utf-8", "surrogateescape"))

    dom0.call(call)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(nodes=NODES)
def test_nodes_of_any_bytes(dom0, numbers, nodes):
    given_ = {name: value for name, value in nodes.items() if value}
    vif = dom0.vif(next(numbers), bridge="lab")
    write(dom0, vif, given_)
    before = {link["ifname"] for link in dom0.json(["ip", "-json", "link", "show"])} - {vif.name}
    done = vif.online()
    assert done.stdout == ""
    if done.returncode == 0:
        assert (vif.status, vif.error) == (CONNECTED, None)
    else:
        assert done.returncode in {1, 2, 3, 4}, done.stderr
        assert done.stderr.startswith("vif-vnet: ")
        assert vif.status == "error"
        assert vif.error
        assert vif.error.isprintable()
        assert "master" not in dom0.link(vif.name)
    assert vif.offline().returncode == 0
    after = {link["ifname"] for link in dom0.json(["ip", "-json", "link", "show"])}
    assert after - before - {"vnlab", "vnbr0"} == {vif.name}
    assert vif.port is None
    dom0.run(["ip", "link", "delete", vif.name])
