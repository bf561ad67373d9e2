"""The client of xenstore against the real daemon; the store's own programs are the witness."""

import contextlib
import os
import socket
import struct
import subprocess
import threading
import tty

import pytest

from tests.lab.machine import CHECKOUT, PYTHON
from tests.lab.xen import Dom0
from vnethook.hook import xenstore
from vnethook.hook.xenstore import Store, StoreError

pytestmark = [pytest.mark.netns, pytest.mark.xen]


@pytest.fixture(scope="module")
def dom0():
    with Dom0() as dom0:
        yield dom0


def on(dom0, question, **options):
    """What `question` answers, given a client on that host."""

    def call():
        os.environ.update(dom0.environment)
        with Store(**options) as store:
            return question(store)

    return dom0.call(call)


def refusal(dom0, question, **options):
    def call(store):
        with pytest.raises(StoreError) as caught:
            question(store)
        return str(caught.value), caught.value.reason

    return on(dom0, call, **options)


def test_what_is_written_is_read_by_others_byte_for_byte(dom0):
    on(dom0, lambda store: store.write("/test/ascii", "two words"))
    assert dom0.node("/test/ascii") == "two words"
    dom0.store("write", "/test/theirs", "rate=10Mb/s, ü")
    assert on(dom0, lambda store: store.read("/test/theirs")) == "rate=10Mb/s, ü"
    assert on(dom0, lambda store: (store.write("/test/empty", ""), store.read("/test/empty"))[1]) == ""


def test_a_relative_path_is_below_the_callers_own_domain(dom0):
    on(dom0, lambda store: store.write("backend/vif/9/0/mac", "x"))
    assert dom0.node("/local/domain/0/backend/vif/9/0/mac") == "x"


def test_a_node_that_is_not_there_is_none_or_an_error_that_names_it(dom0):
    assert on(dom0, lambda store: store.find("/test/none")) is None
    assert refusal(dom0, lambda store: store.read("/test/none")) == (
        "xenstore: read '/test/none': no such node",
        "ENOENT",
    )


def test_many_nodes_are_asked_for_at_once(dom0):
    big = {f"/test/at-once/{number}": f"{number}" * 3000 for number in range(8)}
    for path, value in big.items():
        dom0.store("write", path, value)
    asked = [*big, "/test/at-once/none", "/test/at-once/0"]
    answers = on(dom0, lambda store: store.find_all(*asked))
    assert answers == [*big.values(), None, "0" * 3000]


def test_what_is_below_a_node_is_listed(dom0):
    dom0.store("write", "/test/list/a", "1", "/test/list/b", "2", "/test/list/b/c", "3")
    assert on(dom0, lambda store: sorted(store.directory("/test/list"))) == ["a", "b"]
    assert on(dom0, lambda store: store.directory("/test/list/a")) == []


def test_removing_takes_what_is_below_and_is_no_failure_where_nothing_is(dom0):
    dom0.store("write", "/test/gone/a", "1")
    on(dom0, lambda store: (store.remove("/test/gone"), store.remove("/test/gone"))[1])
    assert dom0.node("/test/gone/a") is None


@pytest.mark.parametrize("path", ["/a b", "/a\nb", "/ä", "/" + "a" * 3000, "/a\0b"])
def test_a_path_that_cannot_be_one_is_not_asked_for(dom0, path):
    assert refusal(dom0, lambda store: store.read(path))[1] == "EINVAL"


def test_a_value_that_is_too_long_is_refused_by_us(dom0):
    assert refusal(dom0, lambda store: store.write("/test/long", "x" * 4096)) == (
        "xenstore: write '/test/long': 4107 bytes, 4096 at most",
        "E2BIG",
    )
    on(dom0, lambda store: store.write("/test/long", "x" * 4085))
    assert dom0.node("/test/long") == "x" * 4085


def test_a_transaction_is_seen_whole_or_not_at_all(dom0):
    def change(store):
        store.write("/test/both/a", "1")
        assert dom0_sees(store, "/test/both/a") is None
        store.write("/test/both/b", "2")
        return True

    def dom0_sees(_, path):
        with Store() as another:
            return another.find(path)

    assert on(dom0, lambda store: store.transact(change)) is True
    assert (dom0.node("/test/both/a"), dom0.node("/test/both/b")) == ("1", "2")
    assert on(dom0, lambda store: store.transact(lambda inside: (inside.write("/test/not", "1"), False)[1])) is False
    assert dom0.node("/test/not") is None


def test_a_transaction_that_raises_leaves_nothing_and_the_client_usable(dom0):
    def change(store):
        store.write("/test/raised", "1")
        msg = "on purpose"
        raise RuntimeError(msg)

    def call(store):
        with pytest.raises(RuntimeError, match="on purpose"):
            store.transact(change)
        store.write("/test/after", "1")
        return store.find("/test/raised")

    assert on(dom0, call) is None
    assert dom0.node("/test/after") == "1"


def test_a_transaction_is_done_again_if_somebody_else_was_faster(dom0):
    def call(store):
        tries = []

        def change(inside):
            tries.append(int(inside.read("/test/count")))
            if len(tries) < 3:
                with Store() as another:
                    another.write("/test/count", str(tries[-1] + 10))
            inside.write("/test/count", str(tries[-1] + 1))
            return True

        store.write("/test/count", "0")
        store.transact(change)
        return tries

    assert on(dom0, call) == [0, 10, 20]
    assert dom0.node("/test/count") == "21"


def test_a_transaction_that_never_comes_through_ends(dom0):
    def change(inside):
        inside.write("/test/never", inside.find("/test/never") or "0")
        with Store() as another:
            another.write("/test/never", "1")
        return True

    assert refusal(dom0, lambda store: store.transact(change)) == (
        "xenstore: end a transaction: Resource temporarily unavailable, 32 times",
        "EAGAIN",
    )


def test_events_of_a_watch_are_no_answers(dom0):
    """Nobody of ours watches; a store that told us anyway must not shift the answers."""

    def call(store):
        store.write("/test/watched", "0")
        store._exchange([(4, b"/test/watched\0token\0")])
        store.write("/test/watched", "1")
        return store.read("/test/watched")

    assert on(dom0, call) == "1"


def test_fifty_clients_at_once_are_all_answered(dom0):
    """xenstored lets few stand in line."""

    def call():
        os.environ.update(dom0.environment)
        children = []
        for number in range(50):
            pid = os.fork()
            if not pid:
                try:
                    with Store() as store:
                        store.write(f"/test/many/{number}", str(number))
                    os._exit(0)
                finally:
                    os._exit(1)
            children.append(pid)
        return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]

    assert dom0.call(call) == [0] * 50
    assert len(on(dom0, lambda store: store.directory("/test/many"))) == 50


def test_a_store_that_does_not_answer_is_given_up(dom0):
    dom0.freeze_store()
    try:
        said = refusal(dom0, lambda store: store.read("/test/ascii"), timeout_s=0.2)
    finally:
        dom0.thaw_store()
    assert said == ("xenstore: read '/test/ascii': no answer within 0.2 s", "")


def test_a_store_that_is_not_there_is_named_with_its_socket():
    with Dom0("storeless") as dom0:
        path = dom0.environment["XENSTORED_RUNDIR"] + "/socket"
        dom0.stop_store()
        said = refusal(dom0, lambda store: store.read("/a"))
        assert said == (f"xenstore: read '/a': connect to {path!r}: Connection refused", "")
        os.unlink(path)
        said = refusal(dom0, lambda store: store.read("/a"))
        assert said == (f"xenstore: read '/a': connect to {path!r}: No such file or directory", "")


ACROSS_A_RESTART = """
import sys
sys.path.append(sys.argv[1])
from vnethook.hook.xenstore import Store, StoreError
store = Store()
store.write("/a", "1")
print("written", flush=True)
sys.stdin.readline()
try:
    store.read("/a")
except StoreError as error:
    print(error.reason == "", store.find("/a"))
"""


def test_a_client_connects_anew_after_the_store_was_restarted():
    with Dom0("restarted") as dom0:
        words = [PYTHON, "-IS", "-c", ACROSS_A_RESTART, CHECKOUT]
        with dom0.popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout.readline() == "written\n"
            dom0.stop_store()
            dom0.start_store()
            assert client.communicate("go\n")[0] == "True None\n"


def test_the_socket_is_where_the_variables_say_like_for_xens_own_library():
    assert xenstore.socket_path({}) == "/var/run/xenstored/socket"
    assert xenstore.socket_path({"XENSTORED_RUNDIR": "/a"}) == "/a/socket"
    assert xenstore.socket_path({"XENSTORED_RUNDIR": "/a", "XENSTORED_PATH": "/b"}) == "/b"
    assert xenstore.socket_path({"XENSTORED_PATH": ""}) == "/var/run/xenstored/socket"


def test_a_set_id_process_does_not_follow_the_variables(monkeypatch):
    monkeypatch.setattr(xenstore.posix, "geteuid", lambda: xenstore.posix.getuid() + 1)
    assert xenstore.socket_path({"XENSTORED_PATH": "/b"}) == "/var/run/xenstored/socket"


def _answer(fd, nodes):
    """Be a xenstored that knows these nodes, until the other end is closed."""
    heard = b""
    with contextlib.suppress(OSError):
        while part := os.read(fd, 4096):
            heard += part
            while len(heard) >= 16 and len(heard) >= 16 + (length := struct.unpack("=4I", heard[:16])[3]):
                kind, request, transaction, _ = struct.unpack("=4I", heard[:16])
                value = nodes.get(heard[16 : 15 + length].decode())
                heard = heard[16 + length :]
                answer = (16, b"ENOENT\0") if value is None else (kind, value)
                os.write(fd, struct.pack("=4I", answer[0], request, transaction, len(answer[1])) + answer[1])


def test_the_store_of_another_domain_is_asked_by_a_device(monkeypatch):
    """A terminal without line discipline is such a file that both ends write."""
    master, slave = os.openpty()
    tty.setraw(slave)
    monkeypatch.setattr(xenstore, "DEVICES", ("/nonexistent", os.ttyname(slave)))
    monkeypatch.setenv("XENSTORED_PATH", "/nonexistent/socket")
    server = threading.Thread(target=_answer, args=(master, {"/a": b"1", "/b": b"two"}), daemon=True)
    server.start()
    with Store(timeout_s=5) as store:
        assert store.find_all("/a", "/none", "/b") == ["1", None, "two"]
        assert store.read("/b") == "two"
    os.close(slave)
    server.join()
    os.close(master)


@pytest.mark.parametrize("said", [b"", b"\2\0\0\0", struct.pack("=4I", 2, 1, 0, 9) + b"half"], ids=len)
def test_a_store_that_hangs_up_is_an_error(monkeypatch, tmp_path, said):
    monkeypatch.setenv("XENSTORED_PATH", str(tmp_path / "socket"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()

        def hang_up():
            peer, _ = server.accept()
            peer.recv(100)
            peer.sendall(said)
            peer.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with Store() as store, pytest.raises(StoreError) as caught:
            store.read("/a")
        thread.join()
    assert str(caught.value) == "xenstore: read '/a': the connection was closed"
    assert (caught.value.is_lost, caught.value.is_unreached) == (True, False)
