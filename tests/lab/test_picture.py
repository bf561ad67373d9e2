"""Pictures of networks: boxes below boxes, joined by lines."""

from tests.lab.picture import ASCII, Node, draw, table

ALICE, BOB = Node(["alice", "192.0.2.2"], []), Node(["bob"], [])


def test_guests_hang_below_their_network_by_the_names_of_their_ports():
    assert draw(Node(["default  vnbr0"], [("tap0", ALICE), ("vnt0", BOB)])) == [
        "┌──────────────────────┐",
        "│ default  vnbr0       │",
        "└─────┬───────────┬────┘",
        "      │           │",
        "      │ tap0      │ vnt0",
        "┌─────┴─────┐  ┌──┴──┐",
        "│ alice     │  │ bob │",
        "│ 192.0.2.2 │  └─────┘",
        "└───────────┘",
    ]


def test_a_picture_can_be_shown_without_unicode():
    assert "\n".join(draw(Node(["lab"], [("", BOB)]))).translate(ASCII).isascii()


def test_a_table_has_a_rule_below_its_head():
    assert table([["guest", "ip"], ["alice", "192.0.2.2"]]) == ["guest  ip", "────────────────", "alice  192.0.2.2"]
