"""The firewalld that runs here: which zone a link is in. By D-Bus through busctl(1), else by firewall-cmd(1), slowly.

What is set here is gone after a reload; what is to outlast it lies in files. Source: firewalld.dbus(5).
"""

from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.live import nftables
from vnethook.names import ZONE

PATIENCE_S = 10.0
"""How long an answer may take: it is busy for seconds where it has thousands of addresses to load."""
_NAME = "org.fedoraproject.FirewallD1"
_CALL = ("call", _NAME, "/org/fedoraproject/FirewallD1", f"{_NAME}.zone")
_OPTIONS = {
    "getZones": "--get-zones",
    "getZoneOfInterface": "--get-zone-of-interface={0}",
    "changeZoneOfInterface": "--zone={0} --change-interface={1}",
    "removeInterface": "--zone={0} --remove-interface={1}",
}
"""firewall-cmd's words for these methods."""


class Firewalld:
    """The firewalld of this network namespace, with its rules in nf_tables."""

    def is_running(self) -> bool:
        """Whether its rules are in force here."""
        return nftables.firewalld_dispatch() is not None

    def has_ours(self) -> bool:
        """Whether the zone that holds all bridges with our prefix is in force, where it runs."""
        rules = nftables.firewalld_dispatch()
        return rules is None or f"filter_IN_{ZONE}\0".encode() in rules

    def zones(self) -> list[str]:
        """The names of all zones; raise HostError as all here."""
        return self._call("getZones")

    def zone_of(self, link: str) -> str:
        """The zone that a link was put into, empty if it is in none by its name."""
        try:
            return "".join(self._call("getZoneOfInterface", link))
        except HostError as error:
            if "no zone" in str(error) or "UNKNOWN_INTERFACE" in str(error):
                return ""
            raise

    def join(self, link: str, zone: str) -> None:
        """Put a link into a zone, out of any other."""
        self._call("changeZoneOfInterface", zone, link)

    def leave(self, link: str, zone: str) -> None:
        """Take a link out of a zone."""
        self._call("removeInterface", zone, link)

    def reload(self) -> None:
        """Have it read its files anew; what was set at run time alone is lost."""
        finished = programs.run([programs.require("firewall-cmd"), "--reload"], timeout_s=3 * PATIENCE_S)
        if finished.status != 0:
            msg = f"firewalld: reload: {finished.reason}"
            raise HostError(msg, hint="`firewall-cmd --check-config` says what is wrong")

    def _call(self, method: str, *words: str) -> list[str]:
        """The strings that a method answers."""
        busctl = programs.find("busctl")
        if busctl is None:
            command = [programs.require("firewall-cmd"), *_OPTIONS[method].format(*words).split()]
            finished = programs.run(command, timeout_s=PATIENCE_S)
            answer = finished.output.split()
        else:
            command = [busctl, "--system", "--auto-start=no", f"--timeout={PATIENCE_S:.0f}", *_CALL, method]
            finished = programs.run([*command, *(["s" * len(words), *words] if words else [])])
            answer = [word.strip('"') for word in finished.output.split() if word.startswith('"')]
        if finished.status != 0:
            reason = finished.reason.removeprefix("Call failed: ").removeprefix("Error: ")
            msg = f"firewalld: {' '.join((method, *words))}: {reason}"
            raise HostError(msg, hint="see `firewall-cmd --get-active-zones` and the system log")
        return [word for word in answer if word]
