"""Which addresses the local Label Studio may call: all that it may by itself, and the webhook receiver's.

By itself Label Studio calls no reserved address, so that nobody who has an account can make it read what
only this machine can reach (server-side request forgery, CWE-918). One exception is made here, and no wider.
"""

import ipaddress

from annotator.services.folder import WEBHOOK_ADDRESS

# The special-purpose address registries of IANA (RFC 6890), as Label Studio refuses them.
_LOOPBACK = "127.0.0.0/8"
_RESERVED = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",  # multicast, reserved, broadcast
    "::/96",  # unspecified, loopback, IPv4-compatible
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
)


def refused() -> list[str]:
    """The networks that Label Studio may not call.

    >>> networks = [ipaddress.ip_network(network) for network in refused()]
    >>> any(ipaddress.ip_address("127.0.0.1") in network for network in networks)
    True
    >>> any(ipaddress.ip_address(WEBHOOK_ADDRESS) in network for network in networks)
    False
    """
    around = ipaddress.IPv4Network(_LOOPBACK).address_exclude(ipaddress.IPv4Network(WEBHOOK_ADDRESS))
    return [*_RESERVED, *(str(network) for network in sorted(around))]


def network() -> dict[str, str]:
    """The settings of Label Studio, as variables of its environment."""
    return {
        "SSRF_PROTECTION_ENABLED": "true",
        "USE_DEFAULT_BANNED_SUBNETS": "false",
        "USER_ADDITIONAL_BANNED_SUBNETS": ",".join(refused()),
    }
