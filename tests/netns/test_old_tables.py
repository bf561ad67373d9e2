"""iptables' old tables: which come to be, and that python-iptables makes of them what iptables-restore does."""

import sys

import pytest

from tests.golden.complete import complete
from tests.golden.test_plans import FOLDER, RULED
from tests.lab import CHECKOUT, Host
from tests.lab.library import on
from tests.lab.machine import PYTHON
from tests.lab.site import site
from vnethook.capability import firewall as rules
from vnethook.definition import xml
from vnethook.errors import UnsupportedError
from vnethook.host import host as machine
from vnethook.host import iptables
from vnethook.host.facts import Facts
from vnethook.lifecycle import bringup
from vnethook.live import record, xtables
from vnethook.live.record import NFT
from vnethook.live.xtables import LEGACY

pytestmark = pytest.mark.netns
FORWARDING = "<forwarding><incoming><allow port='8080' address='10.21.0.10'/></incoming></forwarding>"


def test_the_kernel_has_only_the_tables_that_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Host, "firewall", LEGACY)
    with site() as place:

        def tables() -> dict[str, set[str]]:
            return on(place.host, lambda here: {family: set(xtables.tables_in_use(family)) for family in ("ip", "ip6")})

        place.define("routed", 22, "<forward mode='route'/>")
        place.define("nat", 21, "<forward mode='nat'/>", more=FORWARDING)
        place.define("behind", 23, "<forward mode='open'/>")
        assert tables() == {"ip": set(), "ip6": set()}
        place.plug("routed")
        assert tables() == {"ip": {"filter"}, "ip6": {"filter"}}
        place.plug("nat")
        assert tables() == {"ip": {"filter", "nat", "mangle"}, "ip6": {"filter"}}
        place.plug("behind")
        assert tables() == {"ip": {"filter", "nat", "mangle"}, "ip6": {"filter", "mangle"}}


@pytest.mark.parametrize("firewall", ["iptables-legacy", "iptables-nft"])
def test_a_hook_brings_a_network_up_without_a_library(monkeypatch: pytest.MonkeyPatch, firewall: str) -> None:
    monkeypatch.setattr(Host, "firewall", firewall)
    with Host() as host:
        for number, tap in enumerate(("tap0", "tap1")):
            host.make_tap(tap)
            words = [PYTHON, "-IS", "-X", "importtime", CHECKOUT / "hooks/qemu/qemu-ifup", tap]
            loaded = {line.rpartition("|")[2].strip() for line in host.run(words).stderr.splitlines()}
            assert not loaded & {"iptc", "ctypes", "glob", "sysconfig", "vnethook.host.xtables"}
            assert ("vnethook.plan.xtables" in loaded) is (number == 0)  # cold, then warm
            assert "vnethook.live.xtables" in loaded
        host.vnet("net-check", "default")


def test_on_a_host_with_nftables_no_old_table_comes_to_be() -> None:
    with site() as place:
        place.define("lab", 21, "<forward mode='nat'/>", more=FORWARDING)
        place.plug("lab")
        place.host.vnet("net-check", "lab")
        place.host.vnet("net-list")
        assert on(place.host, lambda here: record.read(here.paths, "lab").firewall) == NFT
        on(place.host, lambda here: bringup.stop(here, "lab", force=True))
        for family in ("ip", "ip6"):
            assert place.host.run(["cat", f"/proc/net/{family}_tables_names"]).stdout == ""


def test_python_iptables_and_iptables_restore_make_the_same_tables() -> None:
    def tables(here: machine.Host, *, by_library: bool) -> dict[str, dict[str, bytes]]:
        if not by_library:
            iptables._library = lambda variant: None
        else:
            assert iptables._library(LEGACY) is not None
        found = {}
        for name in RULED:
            network = complete(xml.parse((FOLDER / f"{name}.xml").read_bytes(), source=name).network)
            try:
                [step] = rules.plan(network, Facts(here.paths, firewall=LEGACY))
            except UnsupportedError:
                continue  # what iptables cannot do is refused: tests/unit/capability/test_xtables.py
            step.do(here)
            assert step.is_done(here), name
            places = [(family, table) for family in ("ip", "ip6") for table in xtables.tables_in_use(family)]
            found[name] = {f"{family} {table}": xtables._read(family, table) for family, table in places}
            step.undo(here)
            assert not [chain for chain in here.xtables.present(LEGACY) if "VN" in chain]
        return found

    found = []
    for by_library in (True, False):
        with Host() as host:
            found.append(on(host, lambda here, by_library=by_library: tables(here, by_library=by_library)))
    assert found[0].keys() == found[1].keys() > {"nat", "ported", "outgoing-allow"}
    for name, by_place in found[0].items():
        assert {place: blob for place, blob in by_place.items() if "VN" in blob.decode("latin-1")} == {
            place: blob for place, blob in found[1][name].items() if "VN" in blob.decode("latin-1")
        }, name


_IMPORT = """
import os, sys
def refuse(event, arguments):
    if event.startswith(("subprocess.Popen", "os.exec", "os.fork", "os.posix_spawn", "os.system")):
        print(event, arguments)
        os._exit(1)
sys.addaudithook(refuse)
sys.path.insert(0, sys.argv[1])
from vnethook.host.xtables import OldTables
OldTables()
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"setuptools", "distutils", "_distutils_hack"}))
assert "XTABLES_LIBDIR" not in os.environ
"""


def test_python_iptables_is_imported_without_a_process_and_without_setuptools() -> None:
    with Host() as host:
        words = ["env", "PATH=/nonexistent", sys.executable, "-I", "-c", _IMPORT, str(CHECKOUT)]
        assert host.run(words).stdout.split() in ([], ["_distutils_hack"])  # that of a virtual environment's start
