"""Proxies in front of the service: whose word about a client is taken, and whose is not.

1. A proxy is whoever connects from an address, a network or the Unix socket that `CROSSCHECK_TRUSTED_PROXIES` names.
2. `Client-Cert` (RFC 9440) is believed from these alone. From anybody else it refuses the request: either somebody
   pretends, or the operator has forgotten to name the proxy.
3. `X-Forwarded-For` is read for one purpose: by whose address failures and sign-ins are counted. It is the last address
   in it that is no proxy's, for that one the nearest proxy has seen itself.

What the operator still owes: that each named proxy removes `Client-Cert` and `Client-Cert-Chain` from what clients
send, sets the first only for a certificate whose key the client has proved to hold, and that nobody else can connect
from those addresses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from models.errors import CrosscheckError
from service.machines.arrived import HERE, Arrived
from service.machines.errors import UntrustedProxy

PROXY_FIELDS: Final = ("client-cert", "client-cert-chain")
FORWARDED: Final = ("x-forwarded-for", "forwarded", "via")


class ProxiesInvalid(CrosscheckError):
    slug = "trusted-proxies"
    hint = "Set CROSSCHECK_TRUSTED_PROXIES to addresses and networks such as 10.0.0.5,10.1.0.0/24, or to unix."


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Who is a proxy of ours. `networks` are in the form that `ip_network` understands; `unix` is the socket."""

    networks: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> TrustedProxies:
        """Read the setting.

        Raises:
            ProxiesInvalid: a part of it is no address, no network and not `unix`.
        """
        parts = tuple(part.strip() for part in text.split(",") if part.strip())
        try:
            for part in parts:
                if part != HERE:
                    ip_network(part)
        except ValueError:
            raise ProxiesInvalid("a trusted proxy is no address and no network") from None
        return cls(parts)

    def __contains__(self, peer: str) -> bool:
        if not self.networks:
            return False
        if peer == HERE:
            return HERE in self.networks
        address = _address(peer)
        return address is not None and any(address in ip_network(part) for part in self.networks if part != HERE)

    def certificate_field(self, arrived: Arrived) -> str | None:
        """Return the Client-Cert field of a request, if a proxy has sent one, by rules 1 and 2.

        Raises:
            UntrustedProxy: somebody else has.
        """
        if arrived.peer in self:
            return arrived.fields.get(PROXY_FIELDS[0])
        if any(name in arrived.fields for name in PROXY_FIELDS):
            raise UntrustedProxy("a client certificate was passed on by an address that is no trusted proxy")
        return None

    def client_of(self, arrived: Arrived) -> str:
        """Return the address that a request comes from, by rule 3."""
        hops = [arrived.peer]
        if arrived.peer in self:
            hops += _reversed_hops(arrived.fields.get("x-forwarded-for", ""))
        return next((hop for hop in hops if hop not in self), hops[-1])


def is_local(arrived: Arrived) -> bool:
    """Whether a request was made on this machine, and not passed on by a proxy that runs here."""
    if any(name in arrived.fields for name in FORWARDED):
        return False
    address = _address(arrived.peer)
    return arrived.peer == HERE or (address is not None and address.is_loopback)


def _reversed_hops(field: str) -> Iterable[str]:
    """Return the addresses of X-Forwarded-For, the nearest first, up to something that is none."""
    hops = [part.strip() for part in reversed(field.split(","))]
    end = next((number for number, hop in enumerate(hops) if _address(hop) is None), len(hops))
    return hops[:end]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
