"""Which subnets overlap which: the quick answer is that of comparing each with each."""

from hypothesis import given
from hypothesis import strategies as st

from vnethook.address import BITS, Subnet
from vnethook.definition.blocks import Blocks


@st.composite
def subnets(draw):
    """Near to each other, so that many overlap."""
    version = draw(st.sampled_from((4, 6)))
    prefix = draw(st.integers(0, 8)) * BITS[version] // 8
    number = draw(st.integers(0, 2**10 - 1)) << (BITS[version] - 10)
    shift = BITS[version] - prefix
    return Subnet(version, number >> shift << shift, prefix)


@given(st.lists(st.tuples(subnets(), st.sampled_from("abc")), max_size=30), st.data())
def test_what_is_found_is_what_comparing_each_finds(added, data):
    blocks = Blocks()
    for subnet, owner in added:
        blocks.add((subnet.version, subnet.first, subnet.prefix), owner)
    gone = data.draw(st.sets(st.sampled_from(range(len(added))))) if added else set()
    for number in gone:
        subnet, owner = added[number]
        blocks.discard((subnet.version, subnet.first, subnet.prefix), owner)
    left = [pair for number, pair in enumerate(added) if number not in gone]
    asked = data.draw(subnets())
    found = sorted((str(Subnet(*block)), owner) for block, owner in blocks.overlapping(asked))
    assert found == sorted((str(subnet), owner) for subnet, owner in left if subnet.overlaps(asked))
