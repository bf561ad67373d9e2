"""The definitions of a host on disk: NAME.xml, defined or transient, autostart links, and what was chosen for them.

The slow half: it reads XML. Hooks read the compiled form (compiled.py), which every change here brings up to date.
"""

from vnethook.definition import choices, compiled
from vnethook.definition.compiled import DEFAULT
from vnethook.definition.model import Network
from vnethook.errors import DefinitionError, ExistsError, HostError, NoNetworkError, StateError, VnetError
from vnethook.live import files, nics
from vnethook.live.paths import Paths
from vnethook.names import is_network_name, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

NAMES_IN_HINT = 20


class Store:
    """The definitions below one set of paths. Callers hold the lock of the network or the host while they change it."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths

    def names(self) -> list[str]:
        """The sorted names of all networks: defined, transient, and the built-in default."""
        return compiled.network_names(self.paths)

    def is_persistent(self, name: str) -> bool:
        """Whether the network is defined; the built-in default is, without a file."""
        return name == DEFAULT or (is_network_name(name) and files.stamp(self._stored_path(name)) is not None)

    def is_transient(self, name: str) -> bool:
        """Whether the network was created, with a definition that lasts until it stops."""
        return is_network_name(name) and files.stamp(self._transient_path(name)) is not None

    def is_built_in(self, name: str) -> bool:
        """Whether the network is the built-in default, with no file that says otherwise."""
        return name == DEFAULT and compiled.source_of(self.paths, name) is None

    def read(self, name: str) -> Network:
        """The definition in force: the transient one, else the stored one, with earlier choices filled in.

        It lacks what was never chosen (see `Network.is_complete`). Raise NoNetworkError for an unknown name,
        DefinitionError for an XML file that is refused.
        """
        if self.is_transient(name):
            return self._read(self._transient_path(name), name)
        if self.is_persistent(name):
            return self._read(self._stored_path(name), name)
        raise self._no_network(name)

    def stored(self, name: str) -> Network:
        """The definition that lasts, also while a transient one is in force; raise StateError if there is none."""
        if self.is_persistent(name):
            return self._read(self._stored_path(name), name)
        if not self.is_transient(name):
            raise self._no_network(name)
        msg = f"network {name!r}: is transient: it has no stored definition"
        raise StateError(msg, hint=f"`vnet net-dumpxml {name}` shows what it has; net-define stores that")

    def text(self, name: str) -> str:
        """The stored definition as it lies on disk, also one that is refused; raise as `stored` does for none."""
        text = files.read_text(self._stored_path(name)) if is_network_name(name) else None
        if text is not None:
            return text
        dumped: str = xml_module().dump(self.stored(name), with_automatic=False)
        return dumped

    def write(self, network: Network) -> None:
        """Store a definition with what was chosen for it, replacing the one of its name, and compile it."""
        self._write(self._stored_path(network.name), network)

    def write_transient(self, network: Network) -> None:
        """Keep a definition until the network stops or the host does, and compile it."""
        self._write(self._transient_path(network.name), network)

    def remove(self, name: str) -> None:
        """Forget the stored definition of a network; a transient one of its name stays in force.

        Raise StateError for the built-in default without a file, and for a network that is only transient.
        """
        if not self.is_persistent(name):
            self.stored(name)  # raises what fits
        if files.stamp(self._stored_path(name)) is None:
            msg = f"network {name!r}: is built in, there is no definition to remove"
            raise StateError(msg, hint="define a network of this name to replace it")
        files.remove(f"{self.paths.autostart}/{name}.xml")
        files.remove(self._stored_path(name))
        self._after_removal(name)

    def remove_transient(self, name: str) -> None:
        """Forget the transient definition of a network, if there is one; the stored one is in force again."""
        if self.is_transient(name):
            files.remove(self._transient_path(name))
            self._after_removal(name)

    def by_uuid(self, uuid: str) -> str | None:
        """The name of the network with this uuid, in any case and with or without dashes; None if no network has it."""
        wanted = uuid.lower().replace("-", "")
        for network in self.all_networks():
            if network.uuid and network.uuid.replace("-", "") == wanted:
                return network.name
        return None

    def by_bridge(self, bridge: str) -> str | None:
        """The name of the network whose bridge is called so, None if no definition says it."""
        return next((network.name for network in self.all_networks() if network.bridge.name == bridge), None)

    def is_autostart(self, name: str) -> bool:
        """Whether the network is started at boot."""
        return is_network_name(name) and files.link_target(f"{self.paths.autostart}/{name}.xml") is not None

    def set_autostart(self, name: str, *, enabled: bool) -> None:
        """Start the network at boot, or not; raise StateError for a transient one. The built-in default gets a file."""
        link = f"{self.paths.autostart}/{name}.xml"
        network = self.stored(name)
        if not enabled:
            files.remove(link)
            return
        if files.stamp(self._stored_path(name)) is None:
            self.write(self.complete(network, taken_bridges=set()))
        files.make_link(link, f"../networks/{name}.xml")

    def remember(self, network: Network) -> None:
        """Keep what was chosen for a network of the store (uuid, bridge, MAC, automatic subnet), and compile it."""
        choices.write(self.paths, network)
        self._compile(network)

    def all_networks(self) -> list[Network]:
        """Every definition in force, and the stored one beneath a transient one; what is refused is left out."""
        return self._all()[0]

    def problems(self) -> dict[str, str]:
        """What is wrong with definitions on disk, by their names."""
        return self._all()[1]

    def complete(self, network: Network, *, taken_bridges: set[str]) -> Network:
        """The network with uuid, MAC and bridge name; no subnet, which takes facts of the host to choose.

        What a definition of the same name has and this one does not say is kept, along with its automatic subnet.
        `taken_bridges`: names of links on the host.
        """
        old = self._old(network.name)
        if old is not None and network.uuid in {None, old.uuid}:
            subnet = choices.automatic_subnet(old)
            network = network.replace(uuid=old.uuid)
            if network.owns_bridge and old.owns_bridge:
                name = network.bridge.name or old.bridge.name
                network = network.replace(mac=network.mac or old.mac, bridge=network.bridge.replace(name=name))
            network = network.with_subnet(subnet) if subnet is not None and network.wants_subnet else network
        if not network.owns_bridge:
            return network.replace(uuid=network.uuid or nics.random_uuid())
        others = [other for other in self.all_networks() if other.name != network.name]
        taken = {*taken_bridges, *(other.bridge.name for other in others)}
        return network.replace(
            uuid=network.uuid or nics.random_uuid(),
            mac=network.mac or choices.random_mac({other.mac for other in others}),
            bridge=network.bridge.replace(name=network.bridge.name or choices.free_bridge(taken)),
        )

    def collision(self, network: Network) -> None:
        """Raise ExistsError or DefinitionError if another one has its name, uuid, bridge or a part of its subnets."""
        for other in self.all_networks():
            if (other.name == network.name) is not (other.uuid == network.uuid) and other.uuid and network.uuid:
                msg = f"network {network.name!r}: is defined already as {other.name!r} with uuid {other.uuid}"
                hint = (
                    "leave out <uuid> to change it"
                    if other.name == network.name
                    else "leave out <uuid> to get a new one"
                )
                raise ExistsError(msg, hint=hint)
            if other.name == network.name:
                continue
            if other.name == network.bridge.name or other.bridge.name == network.name:
                msg = f"network {network.name!r}: its bridge and network {other.name!r}, or the reverse, share a name"
                raise DefinitionError(msg, hint="choose another name for the bridge")
            if network.bridge.name is not None and other.bridge.name == network.bridge.name:
                msg = f"network {network.name!r}: bridge {network.bridge.name!r} is that of network {other.name!r}"
                raise DefinitionError(msg, hint="without a name in <bridge> a free one is chosen")
            for subnet in network.subnets:
                for taken in other.subnets:
                    if subnet.overlaps(taken):
                        msg = f"network {network.name!r}: {subnet} overlaps {taken} of network {other.name!r}"
                        raise DefinitionError(msg, hint="without <ip address=…> a free subnet is chosen")

    def compile(self, name: str) -> Network:
        """Read a definition and bring its compiled form up to date; raise as `read` does."""
        source = compiled.source_of(self.paths, name)
        stamp = files.stamp(source) if source else None  # before reading: a later change then shows
        network = self.read(name)
        self._compile(network, stamp)
        return network

    def _stored_path(self, name: str) -> str:
        return f"{self.paths.networks}/{name}.xml"

    def _transient_path(self, name: str) -> str:
        return f"{self.paths.transient}/{name}.xml"

    def _read(self, path: str, name: str) -> Network:
        text = files.read_text(path)
        if text is None and name != DEFAULT:
            raise self._no_network(name)  # removed since we looked
        network = Network(DEFAULT, forward="nat") if text is None else xml_module().parse(text, source=path).network
        if network.name != name:
            msg = f"{path}:1: <name> is {network.name!r}: must be {name!r}, like the file's"
            raise DefinitionError(msg)
        return choices.filled_in(self.paths, network)

    def _write(self, path: str, network: Network) -> None:
        if not network.uuid or (network.owns_bridge and not (network.mac and network.bridge.name)):
            msg = f"network {network.name!r}: store: uuid, MAC or bridge name was not chosen"
            raise VnetError(msg)
        choices.write(self.paths, network)
        files.write_text(path, xml_module().dump(network, with_automatic=False))
        if compiled.source_of(self.paths, network.name) == path:
            self._compile(network)

    def _compile(self, network: Network, stamp: list[int] | None = None) -> None:
        if network.is_complete:
            compiled.write(self.paths, network, stamp=stamp)
        else:
            compiled.remove(self.paths, network.name)

    def _after_removal(self, name: str) -> None:
        compiled.remove(self.paths, name)
        if compiled.source_of(self.paths, name) is None:
            choices.remove(self.paths, name)
            return
        try:
            self.compile(name)
        except (DefinitionError, HostError):
            return  # what is left is refused; who reads it is told, who removes something else is not

    def _old(self, name: str) -> Network | None:
        """The definition that one of this name replaces, as far as it can be read."""
        try:
            if self.is_persistent(name):
                return self.stored(name)
            return self.read(name) if self.is_transient(name) else None
        except (DefinitionError, HostError):
            return None

    def _all(self) -> tuple[list[Network], dict[str, str]]:
        """All definitions that can be read, and why the others cannot."""
        found: list[Network] = []
        problems: dict[str, str] = {}
        for name in {*files.names(self.paths.networks, ".xml"), *files.names(self.paths.transient, ".xml")}:
            if not is_network_name(name):
                problems[name] = f"file {shown(f'{name}.xml')}: no network can have this name"
        for name in self.names():
            try:
                found.append(compiled.read(self.paths, name) or self.read(name))
                if self.is_transient(name) and self.is_persistent(name):
                    found.append(self.stored(name))
            except NoNetworkError:
                continue  # removed since we looked
            except (DefinitionError, HostError) as error:
                problems[name] = error.message
        return found, problems

    def _no_network(self, name: str) -> NoNetworkError:
        names = self.names()
        more = f" and {len(names) - NAMES_IN_HINT} more" if len(names) > NAMES_IN_HINT else ""
        hint = f"known networks: {', '.join(names[:NAMES_IN_HINT])}{more}"
        return NoNetworkError(f"network {shown(name)}: no such network", hint=hint)


def xml_module() -> "ModuleType":
    """The reader and writer of XML, loaded when first needed: most calls find all they need compiled."""
    from vnethook.definition import xml  # noqa: PLC0415 (lxml takes its time)

    return xml
