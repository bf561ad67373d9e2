"""What is read of a domain XML, and what is refused: by a guest that is not ours, whatever it holds, nothing is asked."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vnethook.hook import libvirt_domain, qemu
from vnethook.hook.libvirt_domain import Assignment, Domain, Interface, UnreadableError

UUID = "10c1e1ca-7e33-4414-8b27-317fdf43814d"
MAC = "52:54:00:00:53:0a"


@pytest.fixture
def read(tmp_path):
    """What is read of a document."""

    def read_document(document):
        path = tmp_path / "domain.xml"
        path.write_bytes(document if isinstance(document, bytes) else document.encode())
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return libvirt_domain.read(descriptor)
        finally:
            os.close(descriptor)

    return read_document


def _domain(devices="", metadata="", uuid=UUID):
    return (
        f"<domain type='kvm' id='3'><name>web</name><uuid>{uuid}</uuid>{metadata}<devices>{devices}</devices></domain>"
    )


def _own(items):
    return f"<metadata><vnet:networks xmlns:vnet='urn:vnethook:networks'>{items}</vnet:networks></metadata>"


def test_a_bridge_interface_is_read(read):
    found = read(
        _domain(
            f"<interface type='bridge'><mac address='{MAC}'/><source bridge='vnlab'/><target dev='vnet0'/>"
            "<model type='virtio'/><address type='pci' bus='0x00'/></interface>"
        )
    )
    assert found == Domain(UUID, (Interface("bridge", MAC, "vnlab", "vnet0"),))


def test_an_ethernet_interface_is_read_with_its_script(read):
    found = read(
        _domain(f"<interface type='ethernet'><mac address='{MAC}'/><script path='/x/qemu-ifup-lab'/></interface>")
    )
    assert found == Domain(UUID, (Interface("ethernet", MAC, script="/x/qemu-ifup-lab"),))
    assert found.interfaces[0].has_script


@pytest.mark.parametrize(
    ("kind", "script"), [("ethernet", "/etc/my-ifup"), ("ethernet", ""), ("bridge", "/x/qemu-ifup")], ids=str
)
def test_another_script_is_not_ours(read, kind, script):
    assert not read(_domain(f"<interface type='{kind}'><script path='{script}'/></interface>")).interfaces[0].has_script


def test_the_script_that_is_looked_for_is_the_one_that_qemu_calls():
    assert libvirt_domain.IFUP == qemu.IFUP


def test_a_network_of_libvirts_own_has_the_bridge_that_it_tells(read):
    found = read(
        _domain("<interface type='network'><source network='default' portid='1' bridge='virbr0'/></interface>")
    )
    assert found.interfaces == (Interface("network", bridge="virbr0"),)


def test_other_devices_and_other_places_are_not_read(read):
    interface = "<interface type='bridge'><source bridge='vnlab'/></interface>"
    elsewhere = f"<x:old xmlns:x='urn:x'>{interface}</x:old>"
    found = read(
        _domain(f"<disk><source bridge='vnlab'/>{interface}</disk>", f"<metadata>{elsewhere}</metadata>{interface}")
    )
    assert found == Domain(UUID)


def test_a_bridge_that_no_network_could_have_is_not_looked_for(read):
    for name in ("../x", "x" * 16, "a/b", "a\tb", "%d"):
        assert read(_domain(f"<interface type='bridge'><source bridge='{name}'/></interface>")).interfaces == (
            Interface("bridge"),
        )


@pytest.mark.parametrize("prefix", ["vnet:", "x:"], ids=str)
def test_metadata_of_ours_is_read_by_its_namespace(read, prefix):
    text = _own(
        "<vnet:interface mac='52-54-00-00-53-0A' network='lab'/><vnet:interface target='tap0' network='lab'/>"
        "<vnet:interface network='dmz'/>"
    ).replace("vnet:", prefix)
    assert read(_domain(metadata=text.replace("xmlns:vnet", "xmlns:x") if prefix == "x:" else text)) == Domain(
        UUID, (), (Assignment("lab", MAC), Assignment("lab", target="tap0"), Assignment("dmz"))
    )


def test_metadata_without_a_prefix_is_read_too(read):
    text = "<metadata><networks xmlns='urn:vnethook:networks'><interface network='lab'/></networks></metadata>"
    assert read(_domain(metadata=text)).assignments == (Assignment("lab"),)


def test_an_assignment_means_an_interface_by_its_mac_or_link():
    nic = Interface("ethernet", MAC, target="tap0")
    assert Assignment("lab", MAC).is_for(nic)
    assert Assignment("lab", target="tap0").is_for(nic)
    assert not Assignment("lab").is_for(nic)
    assert not Assignment("lab", "52:54:00:00:53:0b").is_for(nic)
    assert not Assignment("lab").is_for(Interface("ethernet"))


@pytest.mark.parametrize(
    ("items", "problem"),
    [
        ("<vnet:nic network='lab'/>", "unknown element <nic>: must be <interface>"),
        ("<vnet:interface network='lab'><vnet:x/></vnet:interface>", "unknown element <x>: must be <interface>"),
        ("<vnet:interface/>", "<interface network=''>: cannot be the name of a network"),
        ("<vnet:interface network='../x'/>", "<interface network='../x'>: cannot be the name of a network"),
        (
            "<vnet:interface network='lab' name='x'/>",
            "<interface>: unknown attribute 'name': must be network, mac or target",
        ),
        ("<vnet:interface network='lab' mac='x'/>", "<interface mac='x'>: no MAC address"),
        (
            "<vnet:interface network='lab' target='a b'/>",
            "<interface target='a b'>: cannot be the name of a network interface",
        ),
        (
            f"<vnet:interface network='lab' target='a' mac='{MAC}'/>",
            "<interface>: has both mac and target: one says which interface is meant",
        ),
        ("<vnet:&#x1b;/>", None),
        ("<vnet:é/>", "unknown element <'\\xe9'>: must be <interface>"),
    ],
)
def test_what_is_not_in_order_in_our_own_metadata_is_said(read, items, problem):
    if problem is None:
        with pytest.raises(UnreadableError, match="no XML"):
            read(_domain(metadata=_own(items)))
    else:
        assert read(_domain(metadata=_own(items))).problem == problem


def test_another_element_of_our_namespace_is_said(read):
    found = read(_domain(metadata="<metadata><v:network xmlns:v='urn:vnethook:networks'/></metadata>"))
    assert found.problem == "unknown element <network>: must be <networks>"


BOMB = "<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY {name} '{f'&{before};' * 10}'>" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "no XML: no element found: line 1, column 0"),
        (b"\0\xff\xfe", "no XML: syntax error: line 1, column 0"),
        ("<domain>", "no XML: no element found: line 1, column 8"),
        ("<domain></domain><x/>", "no XML: junk after document element: line 1, column 17"),
        ("<v:domain/>", "no XML: unbound prefix: line 1, column 0"),
        (f"{BOMB}]><domain><uuid>&i;</uuid></domain>", "has a document type"),
        ("<!DOCTYPE d SYSTEM 'file:///etc/passwd'><domain/>", "has a document type"),
        ("<domain>&x;</domain>", "no XML: undefined entity: line 1, column 8"),
        ("<a>" * 257, "nested deeper than 256 elements"),
        ("<domain/>", "has no <uuid>"),
        (_domain(uuid="../../../../etc/passwd"), "has no <uuid>"),
        (_domain(uuid="/" * 36), "has no <uuid>"),
        (_domain(uuid=UUID * 2), "has no <uuid>"),
        (_domain(uuid="x" * 1_000_000), "has no <uuid>"),
        (_domain(metadata=f"<!--{'x' * (17 << 20)}-->"), "longer than 16 MiB"),
        ("<?xml version='1.0' encoding='utf-16'?><domain/>", "has no <uuid>"),
    ],
    ids=[
        *("empty", "binary", "cut", "two roots", "no namespace", "bomb", "external", "entity", "deep", "no uuid"),
        *("path as uuid", "slashes as uuid", "two uuids", "long uuid", "long", "another encoding"),
    ],
)
def test_what_libvirt_would_not_write_is_unreadable(read, document, reason):
    with pytest.raises(UnreadableError) as refused:
        read(document)
    assert str(refused.value) == reason


PIECES = st.sampled_from(
    [
        *("<domain>", "</domain>", f"<uuid>{UUID}</uuid>", "<devices>", "</devices>", "<interface type='bridge'>"),
        *("</interface>", "<source bridge='vnlab'/>", "<mac address='x'/>", "<metadata>", "</metadata>", "\0", "&lt;"),
        *(
            "<v:networks xmlns:v='urn:vnethook:networks'>",
            "</v:networks>",
            "<v:interface network='lab'/>",
            "<!--",
            "-->",
        ),
        *("<target dev='vnet0'/>", "<![CDATA[", "]]>", "é", "<!DOCTYPE d>", "<?x?>"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_any_document_is_read_or_unreadable(text):
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    try:
        assert isinstance(libvirt_domain.read(reader), Domain)
    except UnreadableError as error:
        assert str(error)
    finally:
        os.close(reader)
