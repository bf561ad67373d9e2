"""Routes and rules in iproute2's words, as companions of ifcfg files and ifupdown's commands have them: ip-route(8)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.capability.manager.config import Route, Rule


def route(found: "Route", link: str, *, is_onlink: bool) -> str:
    """What follows `ip route add`; `is_onlink`: the gateway is on the link, whatever its addresses say."""
    words = ["default" if found.is_default else found.destination]
    words += ["via", found.gateway] if found.gateway else []
    words += ["dev", link]
    words += ["onlink"] if is_onlink else []
    words += ["src", found.source] if found.source else []
    words += ["metric", str(found.metric)] if found.metric else []
    words += ["table", str(found.table)] if found.table else []
    return " ".join(words)


def rule(found: "Rule") -> str:
    """What follows `ip rule add`."""
    words = ["from", found.source] if found.source else []
    words += ["to", found.destination] if found.destination else []
    words += ["priority", str(found.priority)] if found.priority else []
    return " ".join([*words, "table", str(found.table)])
