"""What a step is: plain data, one change of the host, that knows if it is done, how to do it and how to undo it.

Two steps with the same key are about the same thing: of a plan and of what is up, they say what has to be changed.
"""

from vnethook.errors import HostError
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Self

    from vnethook.host.host import Host

_KINDS: "dict[str, type[Step]]" = {}
_MODULES = {
    "AddAddress": "links",
    "AddLoneAddress": "proxied",
    "AddRoute": "routes",
    "AdmitGuests": "admission",
    "AdmitPeers": "vxlan_peers",
    "AnswerForGuests": "proxied",
    "CheckSources": "sharing",
    "ConnectBridge": "networkmanager",
    "CreateBridge": "links",
    "CreateLinksBridge": "links_bridge",
    "CreateSharedBridge": "sharing",
    "CreateTap": "own_port",
    "CreateVxlan": "vxlan",
    "ExpectVlans": "vlans",
    "FilterFabric": "fabric",
    "FilterVlans": "vlans",
    "FixAddresses": "addresses",
    "GenerateAddresses": "sharing",
    "GuardLinks": "link_guard",
    "GuardPort": "own_port",
    "HoldClient": "dhcp_client",
    "HoldNamespace": "namespace",
    "HoldSysctl": "sysctl",
    "HoldUplink": "uplink",
    "InstallRules": "firewall",
    "InstallXtables": "xtables",
    "JoinBridge": "vxlan",
    "JoinBridges": "links_bridge",
    "JoinNetwork": "local_link",
    "JoinPort": "own_port",
    "JoinZone": "zone",
    "KeepConfiguration": "networkd",
    "KeepIdentifier": "slaac",
    "KeepLinks": "link",
    "LimitTraffic": "traffic",
    "MakeDirectory": "files",
    "MakeSwitchDirectory": "vde",
    "ManageBridge": "networkd",
    "MarkGuards": "guard",
    "MoveToBridge": "moving",
    "RegisterDomain": "resolver",
    "RememberGuests": "fabric",
    "RepeatRules": "sharing",
    "RequireBridge": "links",
    "RunClient": "dhcp_client",
    "RunDaemon": "daemon",
    "RunSwitch": "vde",
    "RunUplink": "vde",
    "SetLinkSysctls": "links",
    "SetLinkUp": "links",
    "WriteFile": "files",
}
"""Where each kind is, loaded when a record of one is read."""


class Step(Value):
    """One change. `do` and `undo` may be called again at any time; `undo` never fails on what is gone.

    `_about`: the fields that say what the step is about; without them all do, so that any difference is another thing.
    `keeps_earlier`: as long as it cannot be undone, what was done before it stays, since the host depends on that.
    """

    keeps_earlier = False
    _about: "ClassVar[tuple[str, ...]]" = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _KINDS[cls.__name__] = cls

    @property
    def key(self) -> "tuple[str, ...]":
        """What the step is about: of two steps with one key only one can be in force."""
        return (type(self).__name__, *(str(getattr(self, name)) for name in self._about or self._fields))

    def is_done(self, host: "Host") -> bool:
        """Whether the host is as the step wants it. Reads, changes nothing."""
        raise NotImplementedError

    def require(self, host: "Host") -> None:
        """Raise HostError if the step cannot be done here at all: asked of every step before the first one acts."""

    def do(self, host: "Host") -> None:
        """Make the change; raise HostError if the host refuses it."""
        raise NotImplementedError

    def undo(self, host: "Host") -> None:
        """Take the change back; raise HostError if the host refuses that."""
        raise NotImplementedError

    def supersede(self, host: "Host", old: "Self") -> None:
        """Make the change where `old`, a step with the same key, may be in force; raise HostError if the host refuses.

        A kind that can get there without a gap, which a guest would notice, has a way of its own.
        """
        old.undo(host)
        self.do(host)

    def covering(self, old: "Self") -> "Self":
        """The step as it is journalled while it supersedes `old`: undone, it takes back whichever is in force."""
        return self

    def to_record(self) -> "dict[str, Any]":
        """The step as a line of a journal."""
        return {"step": type(self).__name__, **self.to_plain()}

    def __str__(self) -> str:
        """What the step does, in a few words; shown by `vnet net-plan`."""
        return repr(self)


def from_record(record: "dict[str, Any]") -> Step:
    """The step in a line of a journal; raise HostError for a kind that this version does not know."""
    name = record.get("step", "")
    if name not in _KINDS and name in _MODULES:
        __import__(f"vnethook.plan.{_MODULES[name]}")
    kind = _KINDS.get(name)
    if kind is None:
        msg = f"journal: unknown step {record.get('step')!r}"
        raise HostError(msg, hint="another version of vnethook wrote it")
    try:
        return kind.from_plain({name: value for name, value in record.items() if name != "step"})
    except TypeError as error:
        msg = f"journal: step {kind.__name__}: {error}"
        raise HostError(msg, hint="another version of vnethook wrote it") from error
