"""What of one network is in the way of what else of it: found without comparing each with each, and all of it."""

from hypothesis import given
from hypothesis import strategies as st

from vnethook.address import parse_subnet
from vnethook.definition import entries, port_claims
from vnethook.definition.forwarding import Forwarding, Incoming, PortForward
from vnethook.definition.model import Network
from vnethook.definition.peers import Listen
from vnethook.errors import DefinitionError

ports = st.tuples(st.integers(1, 9), st.integers(0, 3)).map(lambda pair: (pair[0], sum(pair)))
SOURCES = ("192.0.2.0/24", "192.0.2.128/25", "192.0.2.9/32", "2001:db8::/32", "::/0")
ON = ("198.51.100.1", "198.51.100.2", "2001:db8::1")


def of_one_version(item):
    said = [text for text in (item["address"], item["source"], item["on"]) if text]
    return len({":" in text for text in said}) < 2


forwards = (
    st.fixed_dictionaries({
        "ports": ports,
        "protocol": st.sampled_from(["tcp", "udp", "both"]),
        "address": st.none() | st.just("10.0.0.9"),
        "source": st.none() | st.sampled_from(SOURCES),
        "on": st.none() | st.sampled_from(ON),
    })
    .filter(of_one_version)
    .map(lambda item: PortForward(**item, domain=None if item["address"] else "web"))
)  # fmt: skip


def refusal(make):
    try:
        make()
    except DefinitionError as error:
        return error.message
    return ""


def may_both_be_meant(one, other):
    if "both" not in {one.protocol, other.protocol} and one.protocol != other.protocol:
        return False
    if one.ports[0] > other.ports[1] or other.ports[0] > one.ports[1]:
        return False
    if not set(one.versions).intersection(other.versions):
        return False
    if None not in {one.on, other.on} and one.on != other.on:
        return False
    return None in {one.source, other.source} or parse_subnet(one.source).overlaps(parse_subnet(other.source))


@given(st.lists(forwards, max_size=6).map(tuple))
def test_two_port_forwards_that_some_connection_could_mean_are_refused(found):
    pairs = [(one, two) for index, two in enumerate(found) for one in found[:index] if may_both_be_meant(one, two)]
    said = refusal(lambda: Incoming("deny", found))
    assert said in {f"{two.label}: is forwarded already by {one.label}" for one, two in pairs} or (
        not pairs and not said
    )


@given(st.lists(forwards, max_size=5), st.lists(forwards, max_size=5), st.lists(forwards, max_size=3))
def test_a_port_that_another_network_leads_to_a_guest_is_found_and_no_other(lasting, gone, wanted):
    claims = port_claims.PortClaims()
    for kind, items in (("lasting", lasting), ("gone", gone)):
        for number, item in enumerate(items):
            network = Network("lab", forward="nat", forwarding=Forwarding(incoming=Incoming("deny", (item,))))
            claims.add(f"{kind} {number}", f"{kind} {number}", *map(port_claims.read, port_claims.plain(network)))
    for number in range(len(gone)):
        claims.discard(f"gone {number}")
    found = claims.first(wanted, but="lasting 0")
    pairs = {
        (item, f"lasting {number}")
        for item in wanted
        for number, other in enumerate(lasting)
        if number and may_both_be_meant(item, other)
    }
    assert (found and found[:2]) in pairs or (not pairs and found is None)


@given(
    st.lists(
        st.builds(
            Listen,
            st.sampled_from(["tls", "tcp", "vxlan"]),
            st.none() | st.sampled_from(["192.0.2.1", "192.0.2.2"]),
            st.integers(1, 3),
        ),
        unique=True,
        max_size=4,
    ).map(tuple)
)
def test_two_listeners_at_one_place_are_refused(found):
    def are_at_one_place(one, two):
        is_one_kind = (one.transport == "vxlan") is (two.transport == "vxlan")
        return (
            one.port == two.port and is_one_kind and (None in {one.address, two.address} or one.address == two.address)
        )

    has_two = any(are_at_one_place(one, two) for index, two in enumerate(found) for one in found[:index])
    assert refusal(lambda: Network("x", listens=found)).startswith("listen: port") is has_two


def test_a_kept_row_has_the_shape_that_its_format_says():
    """Another shape needs another format, or what an earlier version has kept is not understood."""
    [row] = port_claims.plain(Network("lab", listens=(Listen("tcp", port=7),)))
    assert (entries.FORMAT, len(entries._FIELDS), len(row)) == (4, 14, 7)
