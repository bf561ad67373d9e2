"""The host's FRR, by its shell: what it knows of a fabric, and telling it more. Source: vtysh(1)."""

from json import JSONDecodeError, loads
from typing import TYPE_CHECKING

from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.value import Value

if TYPE_CHECKING:
    from typing import Any

VTYSH = "vtysh"
ESTABLISHED = "Established"
_HINT = "apt-get install frr; bgpd=yes in /etc/frr/daemons; systemctl restart frr"


class Neighbour(Value):
    """Somebody with whom BGP is spoken: `state` is "Established", or how far it has come."""

    address: str
    state: str


class Vni(Value):
    """What FRR knows of a LAN: `hosts`: ends of tunnels of others; `macs`: of guests that are there."""

    is_advertised: bool
    hosts: tuple[str, ...]
    macs: int


def is_installed() -> bool:
    """Whether there is an FRR on the host."""
    return programs.find(VTYSH) is not None


def number() -> int | None:
    """The number of the autonomous system of its BGP, None if it has none yet. Raises HostError as `neighbours`."""
    neighbours()  # what FRR says of itself leaves out a bgpd that is not there
    words = [line.split() for line in _ask("show running-config").splitlines() if line.startswith("router bgp ")]
    return next((int(line[2]) for line in words if len(line) == 3 and line[2].isdigit()), None)


def neighbours() -> tuple[Neighbour, ...]:
    """Those that tell where guests are. Raises HostError if FRR is not installed, does not run, or has no BGP."""
    peers = _show("show bgp l2vpn evpn summary json").get("peers", {})
    return tuple(Neighbour(address, str(peer.get("state", ""))) for address, peer in sorted(peers.items()))


def vni(vni: int) -> Vni | None:
    """What is known of a LAN, None if nothing is. Raises HostError as `neighbours`."""
    found = _show(f"show evpn vni {vni} json")
    if not found:
        return None
    told = _show(f"show bgp l2vpn evpn vni {vni} json")
    hosts = [str(item.get("ip", item) if isinstance(item, dict) else item) for item in found.get("numRemoteVteps", [])]
    macs = _show(f"show evpn mac vni {vni} json").get("macs", {})
    return Vni(bool(told.get("inKernel")), tuple(hosts), sum(item.get("type") == "remote" for item in macs.values()))


def tell(text: str) -> None:
    """Add lines of configuration to what runs; raise HostError with FRR's own words for one that it does not take."""
    done = programs.run([programs.require(VTYSH), "-f", "/dev/stdin"], text=text)
    if done.status != 0:
        lines = [line for line in (done.output + done.errors).splitlines() if line.startswith("line ")]
        msg = f"FRR: load configuration: {(lines or [done.reason])[0]}"
        raise HostError(msg, hint="vtysh -c 'show running-config' shows what it has")


def keep() -> None:
    """Have FRR write what runs into its files."""
    done = programs.run([programs.require(VTYSH), "-c", "write memory"])
    if done.status != 0:
        msg = f"FRR: write memory: {done.reason}"
        raise HostError(msg)


def _show(command: str) -> "dict[str, Any]":
    """The answer to a command whose answer is JSON; nothing where it has none."""
    try:
        found = loads(_ask(command))
    except JSONDecodeError:
        return {}  # "% BGP instance not found"
    return found if isinstance(found, dict) else {}


def _ask(command: str) -> str:
    if not is_installed():
        msg = "FRR: is not installed"
        raise HostError(msg, hint=_HINT)
    done = programs.run([programs.require(VTYSH), "-c", command])
    if done.status != 0:
        lines = [line.strip() for line in (done.output + done.errors).splitlines()]
        said = [line for line in lines if "is not running" in line]
        is_down = any("failed to connect to any daemons" in line for line in lines)
        msg = f"FRR: {'does not run' if is_down else (said or [done.reason])[0]}"
        raise HostError(msg, hint=_HINT)
    return done.output
