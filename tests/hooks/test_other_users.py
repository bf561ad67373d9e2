"""What is root's stays root's: no other user stops, changes or holds a network of the machine's."""

import os
import stat

import pytest

from tests.lab import CHECKOUT
from tests.lab.host import VNET
from tests.lab.users import ALICE, Place, words_of

pytestmark = pytest.mark.netns
LAB = """<network><name>lab</name><bridge name='vnlab'/><vde/>
<ip address='203.0.113.1' prefix='24'><dhcp><range start='203.0.113.9' end='203.0.113.99'/></dhcp></ip>
<listen transport='tcp' address='127.0.0.1' port='16515'/></network>"""
PLACES = ("/etc/vnethook", "/run/vnethook", "/var/lib/vnethook")
ROOTS = {"VNETHOOK_ROOT": "/."}
"""By this a user's `vnet` goes where root's files are."""


@pytest.fixture(scope="module")
def host():
    with Place() as host:
        host.define(LAB)
        for words in (("link-cert", "init"), ("link-cert", "issue", "here.example.org"), ("link-key",)):
            host.vnet(*words)
        host.vnet("net-start", "lab")
        host.make_tap("tap0")
        yield host


def _open_to_others():
    """Files of a network with all that has files, that another user may write, or whose locks it may hold."""
    found = []
    for place in PLACES:
        for directory, _, names in os.walk(place):
            for path in (directory, *(f"{directory}/{name}" for name in names)):
                status = os.lstat(path)
                is_link = stat.S_ISLNK(status.st_mode)
                is_lock = "/locks/" in path and stat.S_IMODE(status.st_mode) & 0o077
                if not is_link and (status.st_mode & 0o022 or is_lock or status.st_uid == ALICE):
                    found.append(path)
    return found


def test_no_file_of_roots_is_another_users_to_write_or_to_lock(host):
    assert host.call(_open_to_others) == []
    assert host.run(["stat", "-c", "%a %U", "/run/vnethook/locks"]).stdout == "700 root\n"


def test_a_private_key_is_nobody_elses_to_read(host):
    keys = "find /etc/vnethook -type f -exec grep -l 'PRIVATE KEY' {} + | sort"
    found = host.run(["sh", "-c", keys]).stdout.splitlines()
    assert len(found) == 3, found  # the CA's, the certificate's, that for ssh
    reads = [host.run([*words_of(ALICE), "cat", path], check=False).returncode for path in found]
    assert reads == [1, 1, 1]


@pytest.mark.parametrize(
    "words",
    [
        ["net-destroy", "lab"],
        ["net-start", "lab"],
        ["net-restart", "lab"],
        ["net-undefine", "lab"],
        ["net-autostart", "lab"],
        ["net-repair", "lab"],
        ["attach", "tap0", "--network", "lab"],
        ["hooks", "install"],
        ["bridge-serve"],
    ],
    ids=" ".join,
)
def test_a_user_who_acts_on_roots_networks_is_refused(host, words):
    before = host.snapshot(), host.run(["find", *PLACES]).stdout
    done = host.run([*words_of(ALICE), VNET, *words], check=False, env=ROOTS)
    assert (done.returncode, done.stderr[:7]) in {(1, "error: "), (5, "error: ")}, done
    assert (before[0].changes_to(host.snapshot()), host.run(["find", *PLACES]).stdout) == ([], before[1])


def test_a_hook_that_a_user_calls_changes_nothing_of_roots(host):
    """VNETHOOK_ROOT leads it to root's files; it has no right that the user has not."""
    before = host.snapshot()
    for name, words in (("qemu-ifup", ["tap0"]), ("qemu-ifdown", ["tap0"])):
        done = host.run([*words_of(ALICE), CHECKOUT / f"hooks/qemu/{name}", *words], check=False, env=ROOTS)
        assert name == "qemu-ifdown" or (done.returncode, done.stderr[:11]) == (5, "qemu-ifup: "), done
    assert before.changes_to(host.snapshot()) == []
