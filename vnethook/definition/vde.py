"""A VDE switch of a network: guests of programs that need no tap, and who may connect. Source: vde_switch(1)."""

from vnethook.names import refuse, shown
from vnethook.value import Value

MODES = {"0600": 0o600, "0660": 0o660, "0666": 0o666}
"""Who may open the socket: its owner and root; its group, too; everybody. To connect takes both reading and writing."""
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_GROUP = _FIRST | frozenset("0123456789-.")
GROUP_MAX = 32
"""LOGIN_NAME_MAX less what no system takes: groupadd(8)."""


class Vde(Value):
    """A switch: the group whose members may connect (None: root alone), and the mode of its socket (None: by that)."""

    group: str | None = None
    mode: str | None = None

    @property
    def socket_mode(self) -> str:
        """The mode of the socket, as it is written."""
        return self.mode or ("0660" if self.group else "0600")

    def _check(self) -> None:
        if self.group is not None and not is_group_name(self.group):
            refuse(f"vde: group {shown(self.group)}: must be 1 to {GROUP_MAX} letters, digits and _.-, no digit first")
        if self.mode is not None and self.mode not in MODES:
            refuse(f"vde: mode {shown(self.mode)}: must be {', '.join(MODES)}")
        if self.mode == "0600" and self.group is not None:
            refuse(f"vde: mode '0600' shuts group {self.group!r} out")
        if self.mode == "0660" and self.group is None:
            refuse("vde: mode '0660' needs a group")


def is_group_name(name: str) -> bool:
    """Whether `name` may be that of a group; it becomes an argument of a program."""
    return 0 < len(name) <= GROUP_MAX and name[0] in _FIRST and _GROUP.issuperset(name)
