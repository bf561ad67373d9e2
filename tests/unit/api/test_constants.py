"""The constants have libvirt's values, in the API and under libvirt's name."""

import pytest

from vnethook import api
from vnethook.compat import libvirt

VALUES = {
    "VIR_ERR_": {
        "OK": 0,
        "INTERNAL_ERROR": 1,
        "NO_SUPPORT": 3,
        "NO_CONNECT": 5,
        "INVALID_CONN": 6,
        "INVALID_ARG": 8,
        "OPERATION_FAILED": 9,
        "NO_NAME": 21,
        "XML_ERROR": 27,
        "OPERATION_DENIED": 29,
        "XML_DETAIL": 35,
        "INVALID_NETWORK": 36,
        "NETWORK_EXIST": 37,
        "SYSTEM_ERROR": 38,
        "RPC": 39,
        "NO_NETWORK": 43,
        "INVALID_MAC": 44,
        "AUTH_FAILED": 45,
        "OPERATION_INVALID": 55,
        "CONFIG_UNSUPPORTED": 67,
        "OPERATION_UNSUPPORTED": 84,
        "XML_INVALID_SCHEMA": 92,
        "INVALID_NETWORK_PORT": 105,
        "NETWORK_PORT_EXIST": 106,
        "NO_NETWORK_PORT": 107,
        "NO_NETWORK_METADATA": 111,
        "NONE": 0,
        "WARNING": 1,
        "ERROR": 2,
        "NO_DOMAIN": 42,
    },
    "VIR_FROM_": {"NONE": 0, "XEN": 1, "XML": 5, "RPC": 7, "QEMU": 10, "NETWORK": 19, "DOMAIN": 20, "EVENT": 40},
    "VIR_NETWORK_UPDATE_COMMAND_": {"NONE": 0, "MODIFY": 1, "DELETE": 2, "ADD_LAST": 3, "ADD_FIRST": 4},
    "VIR_NETWORK_UPDATE_AFFECT_": {"CURRENT": 0, "LIVE": 1, "CONFIG": 2},
    "VIR_NETWORK_SECTION_": {
        "NONE": 0,
        "BRIDGE": 1,
        "DOMAIN": 2,
        "IP": 3,
        "IP_DHCP_HOST": 4,
        "IP_DHCP_RANGE": 5,
        "FORWARD": 6,
        "FORWARD_INTERFACE": 7,
        "FORWARD_PF": 8,
        "PORTGROUP": 9,
        "DNS_HOST": 10,
        "DNS_TXT": 11,
        "DNS_SRV": 12,
    },
    "VIR_CONNECT_LIST_NETWORKS_": {
        "INACTIVE": 1,
        "ACTIVE": 2,
        "PERSISTENT": 4,
        "TRANSIENT": 8,
        "AUTOSTART": 16,
        "NO_AUTOSTART": 32,
    },
    "VIR_NETWORK_EVENT_": {
        "ID_LIFECYCLE": 0,
        "ID_METADATA_CHANGE": 1,
        "DEFINED": 0,
        "UNDEFINED": 1,
        "STARTED": 2,
        "STOPPED": 3,
    },
    "VIR_NETWORK_": {"NONE": 0, "XML_INACTIVE": 1, "CREATE_VALIDATE": 1, "DEFINE_VALIDATE": 1},
    "VIR_NETWORK_METADATA_": {"DESCRIPTION": 0, "TITLE": 1, "ELEMENT": 2},
    "VIR_NETWORK_PORT_CREATE_": {"RECLAIM": 1, "VALIDATE": 2},
    "VIR_NETWORK_PORT_BANDWIDTH_": {
        **{f"IN_{name.upper()}": f"inbound.{name}" for name in ("average", "peak", "burst", "floor")},
        **{f"OUT_{name.upper()}": f"outbound.{name}" for name in ("average", "peak", "burst")},
    },
    "VIR_IP_ADDR_TYPE_": {"IPV4": 0, "IPV6": 1},
    "VIR_EVENT_HANDLE_": {"READABLE": 1, "WRITABLE": 2, "ERROR": 4, "HANGUP": 8},
    "VIR_CRED_": {
        "USERNAME": 1,
        "AUTHNAME": 2,
        "LANGUAGE": 3,
        "CNONCE": 4,
        "PASSPHRASE": 5,
        "ECHOPROMPT": 6,
        "NOECHOPROMPT": 7,
        "REALM": 8,
        "EXTERNAL": 9,
    },
    "VIR_CONNECT_": {"RO": 1, "NO_ALIASES": 2},
    "VIR_CONNECT_CLOSE_REASON_": {"ERROR": 0, "EOF": 1, "KEEPALIVE": 2, "CLIENT": 3},
}


@pytest.mark.parametrize("prefix", VALUES)
def test_constants_have_libvirts_values(prefix):
    for module in (api, libvirt):
        assert {name: getattr(module, f"{prefix}{name}") for name in VALUES[prefix]} == VALUES[prefix]
