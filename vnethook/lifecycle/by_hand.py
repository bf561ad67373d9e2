"""What `vnet attach` and `vnet detach` do and hooks have their own fast way for (hook/resolve.py, hook/serve.py)."""

from fnmatch import fnmatchcase

from vnethook.definition.compiled import DEFAULT
from vnethook.host.host import Host
from vnethook.lifecycle import catalog, definitions
from vnethook.live import files, port, record
from vnethook.live.lock import Lock
from vnethook.names import check_link_name


def network_of(host: Host, interface: str, guest: str) -> str:
    """What the administrator's map says for this interface or guest, else `default`; raises what `find` does."""
    settings = definitions.settings_of(host.paths)
    for value, table in ((interface, settings.interfaces), (guest, settings.guests)):
        for pattern, network in table:
            if value and fnmatchcase(value, pattern.replace("[", "[[]")):  # only * and ? are special
                return catalog.find(host, network)
    return DEFAULT


def detach(host: Host, interface: str) -> port.Nic | None:
    """Take a NIC off its network; its record, None if it has none. Never fails on what is gone."""
    nic = port.read(host.paths, check_link_name(interface))
    if nic is None:
        return None
    is_up = record.is_present(host.paths, nic.network)
    with Lock(host.paths.lock(nic.network), shared=is_up) as lock:
        port.detach(host.paths, host.links, nic, record.read(host.paths, nic.network))
        if not is_up and not files.stamp(f"{host.paths.journals}/{nic.network}"):
            lock.finish()
    return nic
