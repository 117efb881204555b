"""Where a webhook may go. Pure.

The operator registers the address, but the partner's name server says where it leads, each time anew. So:

1. An address is https, without user, query and fragment. http is for this machine alone, and only where a setting with
   a dangerous name says so.
2. A host leads nowhere but to public addresses. If one of those that its name has is not public, none is used.
3. A host that the operator names may lead to private and loopback addresses. To link-local ones (where clouds keep
   their secrets), multicast and reserved ones nobody leads us.
4. An IPv6 address that stands for an IPv4 one counts as that.

The caller connects to an address that was permitted here, not to whatever the name leads to a moment later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

import httpx2

from service.webhooks.errors import WebhookAddressRefused, WebhookUrlInvalid

Address = IPv4Address | IPv6Address

LONGEST_URL: Final = 2000
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last four bytes are an IPv4 address."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What the operator allows beyond public addresses over https.

    Args:
        private_hosts: names of hosts, lower-case, that may have private and loopback addresses.
        plain_on_loopback: http is allowed to this machine.
    """

    private_hosts: frozenset[str] = frozenset()
    plain_on_loopback: bool = False


def require_url(url: str, policy: AddressPolicy) -> httpx2.URL:
    """Return the address of a receiver.

    Raises:
        WebhookUrlInvalid: it is none, holds what does not belong there, or would send in clear.
    """
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise WebhookUrlInvalid("this is no address") from None
    if not parsed.host or len(url) > LONGEST_URL:
        raise WebhookUrlInvalid("this is no address")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise WebhookUrlInvalid("the address has a user, a query or a fragment")
    plain = parsed.scheme == "http" and policy.plain_on_loopback and _is_loopback_name(parsed.host)
    if parsed.scheme != "https" and not plain:
        raise WebhookUrlInvalid("what is sent would go over the network in clear")
    return parsed


def permitted(url: httpx2.URL, unverified_addresses: Sequence[Address], policy: AddressPolicy) -> Sequence[Address]:
    """Return the addresses of the host of `url` if all of them may be connected to.

    Raises:
        WebhookAddressRefused: there is none, or one of them may not.
    """
    if not unverified_addresses:
        raise WebhookAddressRefused(f"{url.host} has no address")
    inside = url.host.lower() in policy.private_hosts
    for address in unverified_addresses:
        meant = _meant(address)
        plain = url.scheme == "http" and policy.plain_on_loopback and meant.is_loopback
        if not (plain or _is_public(meant) or (inside and _is_inside(meant))):
            raise WebhookAddressRefused(f"{url.host} leads to an address that is not public")
    return unverified_addresses


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast


def _is_inside(address: Address) -> bool:
    outside = address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved
    return address.is_loopback or (address.is_private and not outside)


def _meant(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    embedded = address.ipv4_mapped or address.sixtofour
    if embedded is None and address in _TRANSLATED:
        embedded = IPv4Address(address.packed[-4:])
    return address if embedded is None else embedded


def _is_loopback_name(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
