"""Whatever is wrong with files of ours, a host is given its NIC back."""

import errno
import os
from collections.abc import Iterator

import pytest

from tests.lab import Host, Machine, wait_for
from tests.lab.lan import connect, layer3
from tests.lab.library import on
from vnethook.errors import BusyError, HostError
from vnethook.host import host as machine
from vnethook.host.layer3 import Layer3
from vnethook.host.link_address import LinkAddress
from vnethook.lifecycle.share import leaving, recovery, sharing
from vnethook.live import files
from vnethook.live import shared_interface as records
from vnethook.live.rtnl import Link

pytestmark = pytest.mark.netns


@pytest.fixture(scope="module")
def router() -> Iterator[Machine]:
    with Machine("router") as router:
        yield router


@pytest.fixture(scope="module")
def host(router: Machine) -> Iterator[Host]:
    with Host() as host:
        connect(host, router)
        yield host


def _manifest(here: machine.Host) -> str:
    return f"{here.paths.state}/interface-files/ebreth0/manifest.json"


@pytest.mark.parametrize("text", ["{", "[]", '{"changes": 1}'])
def test_a_nic_is_given_back_though_what_is_kept_of_files_is_damaged(host: Host, text: str) -> None:
    before = layer3(host)

    def start(here: machine.Host) -> None:
        sharing.start(here, "eth0")
        files.write_text(_manifest(here), text)

    def stop(here: machine.Host) -> None:
        sharing.stop(here, "eth0", is_forced=True)

    def remove(here: machine.Host) -> None:
        files.remove(_manifest(here))
        sharing.settle(here)

    on(host, start)
    with pytest.raises(HostError, match=r"manifest\.json"):
        on(host, stop)
    assert layer3(host) == before
    on(host, remove)
    assert host.vnet("unshare", "eth0").stderr == "warning: interface 'eth0': is not shared: nothing done\n"


def test_a_nic_is_given_back_though_there_is_no_room_to_write_that_down(host: Host) -> None:
    before = layer3(host)

    def stop(here: machine.Host) -> None:
        def refuse(path: str, *_: object, **__: object) -> None:
            raise files.refusal(path, "write", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

        files.write_text = refuse
        shared = records.read(here.paths, "ebreth0")
        assert shared is not None
        recovery.take_back(here, shared, is_forced=True)

    on(host, lambda here: sharing.start(here, "eth0") and None)
    on(host, stop)
    assert layer3(host) == before


def test_a_nic_is_given_back_though_its_guests_network_does_not_go(host: Host) -> None:
    before = layer3(host)

    def stop(here: machine.Host) -> None:
        def refuse(*_: object) -> None:
            msg = "lock: held for over 30 s"
            raise BusyError(msg)

        leaving.let_go = refuse
        shared = records.read(here.paths, "ebreth0")
        assert shared is not None
        recovery.take_back(here, shared, is_forced=True)

    on(host, lambda here: sharing.start(here, "eth0") and None)
    on(host, stop)
    assert layer3(host) == before


def test_a_guard_gives_a_nic_back_though_the_run_directory_was_emptied(host: Host) -> None:
    before = layer3(host)
    host.vnet("share", "eth0", "--timeout", "1")

    def empty(here: machine.Host) -> None:
        files.remove(f"{here.paths.shared_interfaces}/ebreth0.json")
        recovery.journal(here, records.SharedInterface("ebreth0", "eth0", 0)).keep([])

    on(host, empty)
    wait_for(lambda: layer3(host) == before, "the NIC to be given back")
    wait_for(lambda: not any("share-guard" in line for line in host.processes()), "the guard to end")


def test_what_the_kernel_has_no_memory_for_at_first_is_given_back_later(host: Host) -> None:
    before = layer3(host)

    def stop(here: machine.Host) -> None:
        add, left = Layer3.add_address, [True]

        def refuse_once(self: Layer3, link: Link, address: LinkAddress) -> None:
            if left:
                left.pop()
                msg = "no"
                raise HostError(msg) from OSError(errno.ENOMEM, msg)
            add(self, link, address)

        Layer3.add_address = refuse_once  # type: ignore[method-assign]
        sharing.stop(here, "eth0")

    on(host, lambda here: sharing.start(here, "eth0") and None)
    with pytest.raises(HostError, match="no"):
        on(host, stop)
    on(host, sharing.settle)
    assert layer3(host) == before


def test_networks_start_at_boot_whatever_is_wrong_with_a_shared_nic(host: Host) -> None:
    host.define("<network><name>lab</name><bridge name='vnlab'/></network>")
    host.vnet("net-autostart", "lab")
    on(host, lambda here: files.write_text(_manifest(here), "{"))
    done = host.vnet("net-start", "--autostarted")
    assert "Network lab started" in done.stdout
    assert "it is damaged" in done.stderr
    host.vnet("net-destroy", "lab")
    host.vnet("net-undefine", "lab")
    on(host, lambda here: files.remove(_manifest(here)) and None)
    on(host, sharing.settle)
