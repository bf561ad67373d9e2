"""What netplan's files say of a NIC now, and what they are without it. Source: netplan(5): lists of all files add up.

A NIC that is in them keeps what it has there whatever a later file says, so it is taken out of them.
"""

from vnethook.capability.manager import yaml_text
from vnethook.capability.manager.config import AUTO, NONE, STATIC, Rule
from vnethook.capability.manager.netplan import MODE
from vnethook.capability.manager.rendering import Carried, ManagedFile, Present, Said
from vnethook.capability.manager.rule_words import rule
from vnethook.errors import StateError
from vnethook.live.files import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_RENDERED = (
    *("dhcp4", "dhcp6", "addresses", "gateway4", "gateway6", "routes", "nameservers", "mtu"),
    *("macaddress", "accept-ra", "link-local", "renderer", "routing-policy", "parameters", "interfaces"),
)
_OF_PORT = (
    *("match", "set-name", "wakeonlan", "emit-lldp", "auth", "infiniband-mode", "virtual-function-count", "delay-vf"),
    *("embedded-switch-mode", "delay-virtual-functions-rebind", "openvswitch", "receive-checksum-offload", "link"),
    *("transmit-checksum-offload", "tcp-segmentation-offload", "tcp6-segmentation-offload", "sriov"),
    *("generic-segmentation-offload", "generic-receive-offload", "large-receive-offload", "ignore-carrier"),
)
_CLOUD = "cloud-init"


def read(documents: "Mapping[str, Any]", nic: str, mac: str) -> Said | None:
    """What files, read, say by their paths; None if none has the NIC; StateError if it is a part of something else."""
    own: dict[str, Any] = {}
    edited, removed, notes = [], [], []
    known = _ids(documents, nic, mac)
    for path, document in sorted(documents.items(), key=lambda item: item[0].rpartition("/")[2]):
        network = _mapping(document, "network")
        ids = [key for key in _mapping(network, "ethernets") if key in known]
        _require_free(network, {nic, *known})
        if not ids:
            continue
        for key in ids:
            _merge(own, _mapping(_mapping(network, "ethernets"), key))
        if _CLOUD in path:
            notes.append(f"file {path!r}: is cloud-init's, which may write it anew: see its datasource's `network:`")
        left = _without(document, ids)
        if left is None:
            removed.append(path)
        else:
            edited.append(ManagedFile(path, yaml_text.text(left), MODE))
            notes.append(f"file {path!r}: is written without {nic}, and without its comments")
    if not removed and not edited:
        return None
    rules = [_rule(one) for one in own.get("routing-policy", [])]
    notes += [f"rule {dumps(one)}: is left out" for one in own.get("routing-policy", []) if _rule(one) is None]
    names = [path.rpartition("/")[2] for path in documents if path not in removed]
    present = Present(tuple(removed), tuple(edited), tuple(_carried(own)), tuple(names), tuple(notes))
    resolvers = _mapping(own, "nameservers")
    return Said(
        present=present,
        dhcp4=own.get("dhcp4") is True,
        ipv6=_ipv6(own),
        dns=tuple(str(one) for one in resolvers.get("addresses") or []),
        search=tuple(str(one) for one in resolvers.get("search") or []),
        rules=tuple(one for one in rules if one is not None),
    )


def renderers(documents: "Mapping[str, Any]", nic: str, mac: str) -> set[str]:
    """Which renderers the files name for the NIC, else for all; empty for netplan's own choice, networkd."""
    found, general = set(), set()
    known = _ids(documents, nic, mac)
    for document in documents.values():
        network = _mapping(document, "network")
        ethernets = _mapping(network, "ethernets")
        general |= {str(one["renderer"]) for one in (network, ethernets) if "renderer" in one}
        own = [_mapping(ethernets, key) for key in ethernets if key in known]
        found |= {str(one["renderer"]) for one in own if "renderer" in one}
    return found or general


def _mapping(value: "Any", key: str) -> "dict[str, Any]":  # noqa: ANN401 (whatever a YAML file holds)
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _ids(documents: "Mapping[str, Any]", nic: str, mac: str) -> set[str]:
    """What the NIC is called in the files, which add up: by its own name, or by what one of them matches."""
    merged: dict[str, Any] = {}
    for document in documents.values():
        _merge(merged, dict(_mapping(_mapping(document, "network"), "ethernets")))
    return {key for key, one in merged.items() if _is_of(key, one, nic, mac)}


def _is_of(key: str, one: "Any", nic: str, mac: str) -> bool:  # noqa: ANN401 (as above)
    match = _mapping(one, "match")
    if not match:
        return key == nic
    if "macaddress" in match:
        return str(match["macaddress"]).lower() == mac
    return nic in {match.get("name"), _mapping({"one": one}, "one").get("set-name")}


def _require_free(network: "dict[str, Any]", ids: set[str]) -> None:
    """Raise StateError if a VLAN, a bond or a bridge is made of the NIC."""
    for kind in ("bonds", "bridges", "vlans", "vrfs"):
        for name, one in _mapping(network, kind).items():
            parts = one.get("interfaces") or [] if isinstance(one, dict) else []
            link = [one["link"]] if isinstance(one, dict) and "link" in one else []
            if used := ids & {str(part) for part in (*parts, *link)}:
                msg = f"interface {min(used)!r}: share for good: netplan's {kind} have {name!r} on it"
                raise StateError(msg, hint="write the bridge into netplan's files by hand: --print shows how")


def _merge(own: "dict[str, Any]", more: "dict[str, Any]") -> None:
    """Later files: lists add up, mappings are merged, else the later counts."""
    for key, value in more.items():
        if isinstance(value, list) and isinstance(own.get(key), list):
            own[key] = own[key] + [one for one in value if one not in own[key]]
        elif isinstance(value, dict) and isinstance(own.get(key), dict):
            own[key] = dict(own[key])
            _merge(own[key], value)
        else:
            own[key] = value


def _without(document: "dict[str, Any]", ids: list[str]) -> "dict[str, Any] | None":
    """The document without these, None if nothing is left of it that makes a link."""
    network = dict(document["network"])
    network["ethernets"] = {key: one for key, one in network["ethernets"].items() if key not in ids}
    if not network["ethernets"]:
        del network["ethernets"]
    is_empty = not set(network) - {"version", "renderer"}
    return None if is_empty and "renderer" not in network else {**document, "network": network}


def _ipv6(own: "dict[str, Any]") -> str:
    if own.get("link-local") == [] and own.get("accept-ra") is not True:
        return NONE
    return STATIC if own.get("accept-ra") is False else AUTO


def _carried(own: "dict[str, Any]") -> "Iterator[Carried]":
    for key, value in own.items():
        if key not in _RENDERED:
            yield Carried("port" if key in _OF_PORT else "bridge", "", key, dumps(value))


def _rule(one: "Any") -> Rule | None:  # noqa: ANN401 (as above)
    if not isinstance(one, dict):
        return None
    return rule([word for key, value in one.items() for word in (str(key), str(value))])
