"""Which firewall of this host our rules go into: nftables, or one of the two variants of iptables."""

from vnethook.host import programs
from vnethook.live import files
from vnethook.live.record import NFT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host

AUTO, IPTABLES = "auto", "iptables"


def choose(host: "Host", setting: str) -> str:
    """What the setting means here: where nothing is said nftables, and iptables on a host where that does not work.

    Without either it is nftables, whose step says what is missing.
    """
    if setting == IPTABLES or (setting == AUTO and not host.nft.is_usable() and programs.find("iptables")):
        return variant(host)
    return NFT if setting == AUTO else setting


def variant(host: "Host") -> str:
    """The variant that the host's own `iptables` is: rules in the other one would be nobody's to see.

    The name that the program has behind its links says it; that of before there were two is plain "xtables-multi".
    """
    from posixpath import realpath  # noqa: PLC0415 (few hosts have iptables alone)

    from vnethook.live.xtables import LEGACY, VARIANT  # noqa: PLC0415 (few hosts have it)

    path = programs.find("iptables")
    is_nft = path is not None and "nft" in files.base_name(realpath(path))
    return VARIANT if is_nft and host.nft.has_kernel() else LEGACY
