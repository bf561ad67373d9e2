"""Guests' NICs as `vnet` and the API see them: where a NIC belongs that somebody names in words."""

from vnethook.definition.store import Store
from vnethook.lifecycle import catalog
from vnethook.live import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host


def place(host: "Host", text: str) -> tuple[str, str]:
    """The network and the portgroup (empty: none is named) that "NET" or "NET:GROUP" means; raise NoNetworkError.

    NET: a name, a uuid or a bridge. A bridge's name may hold a colon, and goes first.
    """
    name, _, portgroup = text.partition(":")
    if not portgroup or Store(host.paths).by_bridge(text) or record.by_bridge(host.paths, text):
        return catalog.find(host, text), ""
    return catalog.find(host, name), portgroup
