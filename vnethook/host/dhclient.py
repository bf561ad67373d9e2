"""ISC's dhclient: what its command line means, and its leases under another link's name.

Its lease file holds its DUID along with the leases, so that with a copy of it, and the same MAC, it is the same client
to the server. Source: dhclient(8), dhclient.leases(5); ifupdown's names of its files.
"""

from vnethook.host.dhcp_client import DhcpClient
from vnethook.live import files

HEEDS_THE_KERNEL = False
"""Whether it gives up what somebody else takes from its link."""
_WITH_VALUE = {
    *("-C", "-D", "-F", "-H", "-R", "-U", "-V", "-e", "-g", "-p", "-s", "-cf", "-df", "-lf", "-pf", "-sf"),
    *("--address-prefix-len", "--decline-wait-time", "--prefix-len-hint", "--request-options"),
}
_FOREGROUND = {"-d", "--no-pid"}
_ENVIRONMENT = ("PATH_DHCLIENT_CONF", "PATH_DHCLIENT_SCRIPT", "PATH_DHCLIENT_DB", "PATH_DHCLIENT_PID")
_CONFIGURATION = ("/etc/dhcp/dhclient.conf", "/etc/dhclient.conf")
STATE, RUN = "/var/lib/dhcp", "/run"


def read(words: list[str], environment: dict[str, str], nic: str) -> DhcpClient | str:
    """The client that was started with these words for a NIC, without its process; or why it cannot be handed over."""
    options, links = _parsed(words[1:])
    if links != [nic]:
        return "looks after more than this interface" if links else "names no interface"
    for option in options:
        if option in _FOREGROUND:
            return f"runs with {option}, so something watches over it that would start it again"
    version = 6 if "-6" in options else 4
    if version == 6 and {"-P", "-T", "-S"} & options.keys():
        return "asks for prefixes, temporary addresses or information only"
    leases = options.get("-lf") or environment.get("PATH_DHCLIENT_DB") or f"{STATE}/{_stem(version)}.leases"
    pid_file = options.get("-pf") or environment.get("PATH_DHCLIENT_PID") or f"{RUN}/{_stem(version)}.pid"
    if not leases.startswith("/") or not pid_file.startswith("/"):
        return "has its files in a directory that is not known any more"
    kept = tuple((name, environment[name]) for name in _ENVIRONMENT if name in environment)
    return DhcpClient("dhclient", nic, version, (), tuple(words[1:]), kept, leases, pid_file)


def successor(client: DhcpClient, link: str) -> DhcpClient:
    """The same client for another link, with files of its own, named as ifupdown would."""
    if link == client.link:
        return client.replace(pid=0, since=0)
    stem = _stem(client.version)
    leases, pid_file = f"{STATE}/{stem}.{link}.leases", f"{RUN}/{stem}.{link}.pid"
    new = {"-lf": leases, "-pf": pid_file}
    made: tuple[str, ...] = ()
    if _mentions(_configuration(client), client.link):
        made = (f"{STATE}/{stem}.{link}.conf",)
        new["-cf"] = made[0]
    words = [link if word == client.link else word for word in _without(client.arguments, {*new, "-nw"})]
    named = [word for pair in new.items() for word in pair]
    return client.replace(
        link=link, arguments=(*named, *words), leases=leases, pid_file=pid_file, made=made, pid=0, since=0
    )


def carry(source: DhcpClient, target: DhcpClient) -> None:
    """Give one client what another knows: its leases, and its configuration where that names the link."""
    pairs = [(source.leases, target.leases)]
    pairs += [(_configuration(source), path) for path in target.made]
    for old, new in pairs:
        text = files.read_text(old)
        if text is not None and old != new:
            files.make_directory(files.directory_of(new))
            files.write_text(new, text.replace(f'interface "{source.link}"', f'interface "{target.link}"'))


def not_waiting(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Its arguments when it is to go into the background at once."""
    return ("-nw", *(word for word in arguments if word not in {"-nw", "-1"}))


def lease_s(client: DhcpClient) -> int:
    """For how many seconds it has its newest lease, 0 if that is not known."""
    text = files.read_text(client.leases) or ""
    _, found, rest = text.rpartition("option dhcp-lease-time ")
    number = rest.partition(";")[0]
    return int(number) if found and number.isascii() and number.isdigit() else 0


def is_it(client: DhcpClient, words: list[str]) -> bool:
    """Whether a command line is this client's."""
    return files.base_name(words[0]) == "dhclient" and _essence(words[1:]) == _essence(client.arguments)


def _essence(arguments: "list[str] | tuple[str, ...]") -> list[str]:
    """Arguments without the one by which it does not wait for its lease."""
    return [word for word in arguments if word != "-nw"]


def _parsed(arguments: list[str]) -> tuple[dict[str, str], list[str]]:
    """Its options with their values, empty for none, and the links that it is for."""
    options, links = {}, []
    words = iter(arguments)
    for word in words:
        if word in _WITH_VALUE:
            options[word] = next(words, "")
        elif word.startswith("-"):
            options[word] = ""
        else:
            links.append(word)
    return options, links


def _without(arguments: tuple[str, ...], dropped: set[str]) -> list[str]:
    left = []
    words = iter(arguments)
    for word in words:
        value = [next(words, "")] if word in _WITH_VALUE else []
        if word not in dropped:
            left += [word, *value]
    return left


def _stem(version: int) -> str:
    return "dhclient" if version == 4 else "dhclient6"


def _configuration(client: DhcpClient) -> str:
    options, _ = _parsed(list(client.arguments))
    named = options.get("-cf") or dict(client.environment).get("PATH_DHCLIENT_CONF")
    return named or next((path for path in _CONFIGURATION if files.exists(path)), "")


def _mentions(path: str, link: str) -> bool:
    return bool(path) and f'interface "{link}"' in (files.read_text(path) or "")
