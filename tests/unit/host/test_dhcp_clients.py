"""Which processes count as clients of DHCP that root may run anew."""

import posix

import pytest

from vnethook.host import dhcp_clients, supervised
from vnethook.host.dhcp_client import DhcpClient
from vnethook.live import files, process

NOBODY = 65534
Processes = dict[int, tuple[int, int, str]]
"""User, parent and program by pid."""


@pytest.mark.parametrize(
    ("others", "is_taken"),
    [
        ({7: (0, 1, "/sbin/dhclient")}, True),
        ({7: (NOBODY, 1, "/home/x/dhclient")}, False),
        ({7: (NOBODY, 5, "/home/x/dhclient"), 5: (0, 1, "/bin/login")}, False),
        ({7: (NOBODY, 1, "/home/x/dhclient"), 9: (0, 7, "/usr/bin/sudo")}, False),
        ({7: (NOBODY, 1, "/sbin/dhclient"), 9: (0, 7, "/sbin/dhclient")}, True),
    ],
    ids=ascii,
)
def test_nothing_that_is_not_roots_says_what_root_is_to_run(
    monkeypatch: pytest.MonkeyPatch, others: Processes, *, is_taken: bool
) -> None:
    monkeypatch.setattr(process, "running", lambda: iter(others))
    monkeypatch.setattr(process, "user", lambda pid: others.get(pid, (None,))[0])
    monkeypatch.setattr(process, "parent", lambda pid: others[pid][1])
    monkeypatch.setattr(process, "start_time", lambda _: 70)
    monkeypatch.setattr(posix, "readlink", lambda path: others[int(path.split("/")[2])][2])
    monkeypatch.setattr(files, "link_target", posix.readlink)
    monkeypatch.setattr(dhcp_clients, "_environment", lambda _: {})
    monkeypatch.setattr(supervised, "restarted_by", lambda _: "")
    found = dhcp_clients.read(7, ["dhclient", "eth0"], "eth0")
    if is_taken:
        assert isinstance(found, DhcpClient)
    else:
        assert found == "is not root's, so that root runs nothing that it says"


def test_a_users_process_with_a_clients_words_does_not_stand_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    users = {7: 0, 8: NOBODY}
    monkeypatch.setattr(process, "running", lambda: iter(users))
    monkeypatch.setattr(process, "user", users.get)
    monkeypatch.setattr(process, "parent", lambda _: 1)
    monkeypatch.setattr(process, "start_time", lambda _: 70)
    monkeypatch.setattr(process, "is_in_our_network", lambda _: True)
    monkeypatch.setattr(process, "command_line", lambda _: ["dhclient", "eth0"])
    client = DhcpClient("dhclient", "eth0", 4, ("/sbin/dhclient",), ("eth0",))
    assert dhcp_clients.processes(client) == [7]
