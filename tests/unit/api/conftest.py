"""A connection to a host in memory, with its files below `tmp_path`; and an event loop of the test's own."""

import pytest

from tests.unit.plan.fake_host import FakeHost
from vnethook import api
from vnethook.api import connection, error, event, session
from vnethook.live import paths

LAB_UUID = "11111111-1111-4111-8111-111111111111"
LAB = (
    f"<network><name>lab</name><uuid>{LAB_UUID}</uuid><bridge name='vnbr7'/>"
    "<ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.2' end='10.77.0.99'/></dhcp></ip>"
    "</network>"
)


@pytest.fixture
def host(tmp_path, monkeypatch):
    host = FakeHost(tmp_path)
    host.close = lambda **_: None
    monkeypatch.setattr(session, "Host", lambda _paths: host)
    monkeypatch.setattr(paths, "current", lambda: host.paths)
    monkeypatch.setattr(connection.log, "warning", lambda _text: None)
    return host


@pytest.fixture
def conn(host):
    with api.open() as conn:
        yield conn


@pytest.fixture
def lab(conn):
    """A network that is defined and down."""
    return conn.networkDefineXML(LAB)


@pytest.fixture(autouse=True)
def _no_error_before():
    error.virResetLastError()
    yield
    error.registerErrorHandler(None, None)


@pytest.fixture
def loop(monkeypatch):
    """The default event loop, of this test alone."""
    monkeypatch.setattr(event, "_loops", [])
    api.virEventRegisterDefaultImpl()
    [loop] = event._loops
    yield loop
    loop.close()


@pytest.fixture
def refused():
    """Call a function and give the code and the message with which it is refused."""

    def call(function, *arguments):
        with pytest.raises(api.libvirtError) as caught:
            function(*arguments)
        assert caught.value.get_error_domain() in {api.VIR_FROM_NETWORK, api.VIR_FROM_EVENT, api.VIR_FROM_NONE}
        return caught.value.get_error_code(), str(caught.value)

    return call
