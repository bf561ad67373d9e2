"""Start the networks that are marked to be up from the host's boot on, where that is done by a hook."""

from vnethook.errors import VnetError
from vnethook.lifecycle import bringup
from vnethook.live import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host


def start(host: "Host") -> list[VnetError]:
    """Start each of them, or mend it, going on past failures; give why they failed."""
    errors = []
    for name in files.names(host.paths.autostart, ".xml"):
        if files.exists(f"{host.paths.networks}/{name}.xml"):
            try:
                bringup.start(host, name, by=bringup.AUTOSTART)
            except VnetError as error:
                errors.append(error)
    return errors
