"""Where webhooks may go."""

from __future__ import annotations

from ipaddress import ip_address

import httpx2
import pytest

from service.webhooks.address import AddressPolicy, permitted, require_url
from service.webhooks.errors import WebhookAddressRefused, WebhookUrlInvalid

STRICT = AddressPolicy()
URL = httpx2.URL("https://xb.example/hook")
INSIDE = AddressPolicy(private_hosts=frozenset({"xb.example"}))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "xb.example/hook",
        "https:///hook",
        "http://xb.example/hook",
        "http://127.0.0.1:1/hook",
        "ftp://xb.example/hook",
        "https://user@xb.example/hook",
        "https://user:secret@xb.example/hook",
        "https://xb.example/hook?token=secret",
        "https://xb.example/hook#there",
        "https://xb.example/" + "h" * 2000,
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(WebhookUrlInvalid):
        require_url(url, STRICT)


def test_an_address_is_https() -> None:
    assert require_url("https://xb.example:8443/hook", STRICT).host == "xb.example"


@pytest.mark.parametrize(
    ("host", "allowed"), [("127.0.0.1", True), ("[::1]", True), ("localhost", True), ("10.0.0.1", False)]
)
def test_http_is_for_this_machine_and_only_if_somebody_says_so(host: str, allowed: bool) -> None:
    plain = AddressPolicy(plain_on_loopback=True)
    if allowed:
        assert require_url(f"http://{host}:8080/hook", plain).scheme == "http"
    else:
        with pytest.raises(WebhookUrlInvalid):
            require_url(f"http://{host}:8080/hook", plain)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1"])
def test_public_addresses_are_used(address: str) -> None:
    assert permitted(URL, [ip_address(address)], STRICT) == [ip_address(address)]


NEVER = [
    "169.254.169.254",
    "fe80::1",
    "::ffff:169.254.169.254",
    "224.0.0.1",
    "ff02::1",
    "0.0.0.0",
    "::",
    "255.255.255.255",
]
PRIVATE = ["10.0.0.1", "172.16.9.9", "192.168.1.1", "127.0.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"]
DISGUISED = ["2002:a00:1::", "64:ff9b::a00:1", "100.64.0.1"]


@pytest.mark.parametrize("address", [*NEVER, *PRIVATE, *DISGUISED])
def test_no_name_leads_into_the_own_network(address: str) -> None:
    with pytest.raises(WebhookAddressRefused):
        permitted(URL, [ip_address(address)], STRICT)


def test_one_address_that_is_not_public_is_enough_to_refuse_all() -> None:
    with pytest.raises(WebhookAddressRefused):
        permitted(URL, [ip_address("93.184.215.14"), ip_address("10.0.0.1")], STRICT)


def test_a_name_without_an_address_is_refused() -> None:
    with pytest.raises(WebhookAddressRefused):
        permitted(URL, [], STRICT)


@pytest.mark.parametrize("address", PRIVATE)
def test_the_operator_may_name_a_host_of_the_own_network(address: str) -> None:
    assert permitted(URL, [ip_address(address)], INSIDE)
    with pytest.raises(WebhookAddressRefused):
        permitted(httpx2.URL("https://other.example/hook"), [ip_address(address)], INSIDE)


@pytest.mark.parametrize("address", NEVER)
def test_where_clouds_keep_their_secrets_nobody_leads_us(address: str) -> None:
    with pytest.raises(WebhookAddressRefused):
        permitted(URL, [ip_address(address)], INSIDE)


def test_plain_http_leads_to_loopback_alone_whatever_the_name_server_says() -> None:
    plain, here = AddressPolicy(plain_on_loopback=True), httpx2.URL("http://localhost/hook")
    assert permitted(here, [ip_address("127.0.0.1")], plain)
    with pytest.raises(WebhookAddressRefused):
        permitted(here, [ip_address("10.0.0.1")], plain)
