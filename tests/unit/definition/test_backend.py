"""What a user's own network is made of, and what goes together with it."""

import pytest

from vnethook.definition.model import Network
from vnethook.errors import DefinitionError


def test_a_users_network_is_planned_as_one_that_masquerades():
    network = Network("play", forward="user", backend="namespace")
    assert network.as_planned == Network("play", forward="nat")
    assert network.owns_bridge
    assert network.wants_subnet


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"forward": "nat", "backend": "vde"}, "forward: backend is for mode 'user', not 'nat'"),
        ({"forward": "user", "backend": "slirp"}, "forward backend 'slirp': must be namespace or vde"),
        ({"forward": "user", "uplinks": ("eth0",)}, "forward: mode 'user' takes no dev"),
    ],
)
def test_what_a_user_cannot_have_is_refused(fields, why):
    with pytest.raises(DefinitionError) as caught:
        Network("play", **fields)
    assert str(caught.value) == why
