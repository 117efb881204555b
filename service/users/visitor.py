"""Where an attempt to sign in comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

_PREFIX: Final = {4: 24, 6: 48}
"""What one subscriber or one rented machine can choose addresses from, at the least."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser that has not shown who it is.

    Args:
        network: prefix of its address; what attempts from unknown devices are counted by.
        device: what its device cookie holds; "" if it has none. Unverified.
    """

    network: str
    device: str = field(default="", repr=False)


@lru_cache(maxsize=1024)
def network_of(unverified_address: str) -> str:
    """Return the network of an address: /24 of IPv4, /48 of IPv6; what is no address is one network."""
    try:
        address = ip_address(unverified_address)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(ip_network((address, _PREFIX[address.version]), strict=False))
