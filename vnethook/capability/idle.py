"""A watcher that takes a network down some time after its last guest; only where the settings ask for it."""

from vnethook.plan.daemon import RunDaemon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step

_PACKAGES = __file__.rsplit("/", 3)[0]
_START = "import sys; sys.path.append(sys.argv.pop(1)); from vnethook.hook.idle import main; main(sys.argv)"


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """Run the watcher, which sleeps until the bridge's ports change."""
    if facts.idle_s is None:
        return []
    paths = facts.paths
    word = f"vnethook-idle:{paths.run}:{network.name}"
    return [
        RunDaemon(
            name=f"idle-{network.name}",
            program="python3",
            arguments=(
                *("-IS", "-c", _START, _PACKAGES, word, network.name, str(facts.idle_s)),
                *(paths.etc, paths.run, paths.state, paths.resolv_conf, str(paths.user)),
            ),
            word=word,
            directory=paths.run,
            configuration=str(facts.idle_s),
            link=network.bridge.name or "",
        )
    ]
