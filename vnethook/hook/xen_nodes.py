"""The nodes of a vif in xenstore: what a toolstack has written there, and what it waits for.

Nothing is read that a guest can write. What is not there is not made: the nodes of a guest that has gone would stay.
"""

from vnethook.errors import HostError
from vnethook.hook.xenstore import Store, StoreError
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.hook.xen_call import Vif
    from vnethook.live.rtnl import Link

CONNECTED, ERROR = "connected", "error"
"""What netback and xend read in `hotplug-status`: exactly that."""
ERROR_MAX = 1000
MIGRATING = "--incoming"
"""Ends the name of a guest that xl receives, until all of it is there."""
LAST_WORD_S = 3.0


class Nodes(Value):
    """What the store says of a vif and its guest, as it stands there; empty: nothing. `kind`: with "ioemu" a pair."""

    mac: str
    bridge: str
    ip: str
    vifname: str
    mtu: str
    kind: str
    guest: str
    uuid: str


def read(store: Store, vif: "Vif") -> Nodes:
    """What the toolstack has written. Nothing of it can be written by the guest.

    Under xend that is not so of the domain's own nodes, but the guest's name is beside those of the vif there.
    """
    names = ("frontend-id", "mac", "bridge", "ip", "vifname", "mtu", "type", "domain", "uuid")
    owner, *own, domain, uuid = store.find_all(*(f"{vif.path}/{name}" for name in names))
    if owner != str(vif.domid):
        msg = f"{vif.path}: not in xenstore"
        raise HostError(msg, hint="is the guest gone, or was xenstored started again?")
    if not domain:
        domain, uuid = _of_domain(store, f"/local/domain/{vif.domid}")
    return Nodes(*(value or "" for value in (*own, domain, uuid)))


def _of_domain(store: Store, home: str) -> tuple[str, str]:
    """A guest's name and UUID by its own nodes; empty if there are none, or a driver domain may not see them."""
    try:
        name, place = store.find_all(f"{home}/name", f"{home}/vm")
        uuid = store.find(f"{place}/uuid") if place and place.startswith("/vm/") else ""
    except StoreError as error:
        if error.reason not in {"EACCES", "EINVAL"}:
            raise
        return "", ""
    return (name or "").removesuffix(MIGRATING), uuid or ""


def tell_connected(store: Store, vif: "Vif", link: "Link | None", *, mtu: int = 0) -> None:
    """Have netback let the guest send, and tell the guest its MTU: the link's, or `mtu` if that is said and less."""

    def write(store: Store) -> bool:
        own, frontend = store.find_all(f"{vif.path}/frontend-id", vif.frontend)
        if link is None or own is None:
            return False
        if frontend is not None:
            store.write(f"{vif.frontend}/mtu", str(min(mtu or link.mtu, link.mtu)))
        store.write(f"{vif.path}/hotplug-status", CONNECTED)
        store.remove(f"{vif.path}/hotplug-error")
        return True

    try:
        is_told = store.transact(write)
    except StoreError as error:
        if not error.is_lost:
            raise
        is_told = store.transact(write)  # by a new connection: xenstored was started again
    if not is_told:
        msg = f"interface {vif.link!r}: the guest has gone while it was attached"
        raise HostError(msg)


def tell_error(vif: "Vif", text: str) -> None:
    """Tell the toolstack why a vif does not work; nothing if it is not in the store. Raises StoreError."""

    def write(store: Store) -> bool:
        if store.find(f"{vif.path}/frontend-id") is None:
            return False
        store.write(f"{vif.path}/hotplug-error", text[:ERROR_MAX])
        store.write(f"{vif.path}/hotplug-status", ERROR)
        return True

    with Store(timeout_s=LAST_WORD_S) as store:
        store.transact(write)
