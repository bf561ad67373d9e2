"""The bridge helper of an ordinary user for a network of the user's own: makes the tap where that is.

A tap's descriptor works from any network namespace, so the QEMU that gets it stays where it is.
"""

from vnethook.errors import UsageError, VnetError
from vnethook.hook import bridge_helper
from vnethook.live import files, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths

DEFAULT = "default"


def is_meant(argv: list[str]) -> bool:
    """Whether a call is for a network of the user's own; `default` is root's where root's side serves users."""
    places = paths.current()
    try:
        call, _ = bridge_helper.call(argv)
    except UsageError:
        return False  # the other way says so
    is_unnamed = not call.network and call.bridge == bridge_helper.QEMU_DEFAULT
    name = DEFAULT if is_unnamed else (call.network or call.bridge).partition(":")[0]
    if not places.user or "/" in name:
        return False
    marks = (f"{places.networks}/{name}.xml", f"{places.transient}/{name}.xml", f"{places.live}/{name}.json")
    if any(files.exists(path) for path in marks) or files.link_target(f"{places.bridges}/{name}"):
        return True
    return name == DEFAULT and not files.exists(paths.of_host().bridge_socket)


def main(argv: list[str]) -> int:
    """The exit status."""
    from vnethook.hook import serve  # noqa: PLC0415 (only for a network of the user's own)

    return serve.run(_give, argv)


def _give(places: "Paths", argv: list[str]) -> None:
    """Do what the helper is called for, in the user's namespace."""
    from vnethook.hook import bridge_tap  # noqa: PLC0415 (only for a network of the user's own)
    from vnethook.host import user_namespace  # noqa: PLC0415 (as above)

    user_namespace.enter(places, is_made=True)
    try:
        bridge_tap.give(places, argv)
    except VnetError:
        user_namespace.end_unused(places)
        raise
