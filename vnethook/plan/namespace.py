"""The step that keeps a user's namespace while a network is in it."""

from vnethook.host import user_namespace
from vnethook.host.user_namespace import KEY
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host


class HoldNamespace(Step):
    """Have the user's namespace outlive whoever brought a network up.

    Undone, it is not ended: whoever undoes may be about to start a network. It goes with `Host.close`.
    """

    network: str

    def is_done(self, host: "Host") -> bool:
        return host.shared.is_held(KEY, self.network) and user_namespace.is_held(host.paths)

    def do(self, host: "Host") -> None:
        with host.shared.lock():
            host.shared.hold(KEY, self.network, {})
            user_namespace.hold(host.paths)

    def undo(self, host: "Host") -> None:
        with host.shared.lock():
            host.shared.release(KEY, self.network)

    def __str__(self) -> str:
        return f"hold the user's namespace for network {self.network}"
