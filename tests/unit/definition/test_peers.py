"""Links that say what cannot be are refused."""

import pytest

from vnethook.definition.peers import Connection, Listen
from vnethook.errors import DefinitionError


@pytest.mark.parametrize(
    ("make", "refusal"),
    [
        (
            lambda: Listen(is_local=True, peers=("b",)),
            "listen: with local= it has no transport, address, port or peers",
        ),
        (lambda: Listen("tcp", port=1, peers=("b",)), "listen: tcp knows no names of peers: only tls and ssh do"),
        (lambda: Listen(port=1, peers=("b", "b")), "listen: a peer is named twice"),
        (lambda: Connection("ssh", "far", peer="b"), "connection to far: peer= is for tls"),
        (lambda: Connection("tls", "far", 1, user="b"), "connection to far: user= is for ssh"),
        (lambda: Connection("ssh", "far", user="-oX"), "connection to far: user '-oX': cannot be the name of a user"),
    ],
)
def test_a_link_that_cannot_be_is_refused(make, refusal):
    with pytest.raises(DefinitionError) as caught:
        make()
    assert caught.value.message == refusal
