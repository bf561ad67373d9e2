"""What is asked of a kernel without nf_tables: whether a firewall that needs it is there. It is not."""

from vnethook.errors import HostError
from vnethook.live import nftables


def test_without_nf_tables_firewalld_has_no_rules(monkeypatch):
    def open_nothing():
        msg = "nftables: open: Protocol not supported"
        raise HostError(msg)

    monkeypatch.setattr(nftables, "_open", open_nothing)
    assert nftables.firewalld_dispatch() is None
