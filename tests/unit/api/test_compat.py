"""Our module under libvirt's name: what programs find in it, and how it gets there."""

import importlib.util
import sys

import pytest

from vnethook import api, compat
from vnethook.compat import libvirt


@pytest.fixture
def no_libvirt(monkeypatch):
    monkeypatch.delitem(sys.modules, "libvirt", raising=False)


def test_a_program_that_installs_it_imports_it(no_libvirt):
    compat.install()
    import libvirt as found

    assert found is libvirt
    assert found.libvirtError is api.libvirtError


def test_a_program_that_has_it_in_its_path_imports_it_and_finds_our_package(no_libvirt, monkeypatch):
    monkeypatch.setattr(sys, "path", ["/nowhere"])
    spec = importlib.util.spec_from_file_location("libvirt", libvirt.__file__)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    assert sys.path == ["/nowhere", libvirt.__file__.removesuffix("/vnethook/compat/libvirt.py")]
    assert found.virNetwork is api.virNetwork
    assert issubclass(found.virConnect, api.virConnect)


def test_nothing_else_comes_into_a_programs_path():
    from pathlib import Path

    found = {path.name for path in Path(libvirt.__file__).parent.iterdir()}
    assert found - {"__pycache__"} == {"__init__.py", "libvirt.py"}


def test_a_connection_answers_what_is_asked_of_any(host, refused):
    conn = libvirt.open("qemu:///system")
    assert "<arch>" in conn.getCapabilities()
    assert conn.setKeepAlive(5, 3) == 1
    assert conn.registerCloseCallback(print, None) == 0
    assert conn.unregisterCloseCallback() is None
    assert conn.networkLookupByName("default").connect() is conn
    assert libvirt.openReadOnly(name=None).getURI() == conn.getURI().replace("qemu", "vnethook")
    read_only = libvirt.openAuth("qemu:///system", [[], None, None], libvirt.VIR_CONNECT_RO)
    assert refused(read_only.networkLookupByName("default").create)[0] == libvirt.VIR_ERR_OPERATION_DENIED


@pytest.mark.parametrize(
    ("method", "arguments", "function", "domain"),
    [
        ("listAllDomains", (), "virConnectListAllDomains", libvirt.VIR_FROM_DOMAIN),
        ("lookupByUUIDString", ("x",), "virDomainLookupByUUID", libvirt.VIR_FROM_DOMAIN),
        ("getInfo", (), "virNodeGetInfo", libvirt.VIR_FROM_DOMAIN),
        ("listAllDevices", (0,), "virConnectListAllNodeDevices", libvirt.VIR_FROM_NODEDEV),
        ("listStoragePools", (), "virConnectNumOfStoragePools", libvirt.VIR_FROM_STORAGE),
    ],
)
def test_what_is_not_about_networks_is_not_supported(host, method, arguments, function, domain):
    """The words, code and domain that libvirt 9.0 answers on network:///system."""
    conn = libvirt.open("qemu:///system")
    with pytest.raises(libvirt.libvirtError) as caught:
        getattr(conn, method)(*arguments)
    assert (caught.value.get_error_code(), caught.value.get_error_domain(), str(caught.value)) == (
        *(libvirt.VIR_ERR_NO_SUPPORT, domain),
        f"this function is not supported by the connection driver: {function}",
    )
    conn.close()
    with pytest.raises(libvirt.libvirtError, match="invalid connection pointer"):
        getattr(conn, method)(*arguments)
