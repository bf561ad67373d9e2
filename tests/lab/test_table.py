"""Tables for whoever runs a script."""

from tests.lab.table import table


def test_a_table_has_a_rule_below_its_head():
    assert table([["guest", "ip"], ["alice", "192.0.2.2"]]) == ["guest  ip", "────────────────", "alice  192.0.2.2"]
