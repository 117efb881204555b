"""Certificates that a proxy passes on: from whom they are believed, and which."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from service.authentication import Authentication, make_authentication
from service.identity import Caller
from service.machines.arrived import HERE, Arrived
from service.machines.errors import CertificateRefused, SeveralIdentities, UntrustedProxy
from service.machines.keys import PublicKey
from service.machines.proxies import ProxiesInvalid, TrustedProxies, is_local
from service.machines.register import KeyKind
from service.roles import Role
from service.settings import Settings
from tests.service.node import Node

PROXY, STRANGER = "10.1.0.7", "192.0.2.9"
KEY = ec.generate_private_key(ec.SECP256R1())
DAY = timedelta(days=1)


def certificate(since: datetime, until: datetime, key: ec.EllipticCurvePrivateKey = KEY) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gate-08")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(since).not_valid_after(until)
    return builder.sign(key, SHA256())


def passed_on(found: x509.Certificate) -> str:
    return f":{base64.b64encode(found.public_bytes(Encoding.DER)).decode()}:"


def arrived(peer: str, **fields: str) -> Arrived:
    return Arrived("GET", "/v1/agreements", "", {name.replace("_", "-"): value for name, value in fields.items()}, peer)


@pytest.fixture
def now(shared_node: Node) -> datetime:
    return shared_node.clock()


@pytest.fixture(scope="module")
def door(shared_node: Node) -> Authentication:
    settings = Settings(home=shared_node.home, trusted_proxies=f"10.1.0.0/24, {HERE}")
    door = make_authentication(settings, shared_node.runtime.store.engine, shared_node.clock)
    registered = certificate(shared_node.clock() - DAY, shared_node.clock() + DAY).public_bytes(Encoding.PEM)
    caller = Caller("xa", Role.SYNC, "gate-08")
    door.machines.add(caller, KeyKind.CERTIFICATE, PublicKey.of_certificate(registered), shared_node.clock())
    return door


@pytest.mark.parametrize("peer", [PROXY, HERE, "::ffff:10.1.0.9"])
def test_a_certificate_stands_for_the_machine_with_its_key_also_renewed(
    door: Authentication, now: datetime, peer: str
) -> None:
    renewed = passed_on(certificate(now - DAY / 2, now + 9 * DAY))
    assert door.recognise(arrived(peer, client_cert=renewed)).caller == Caller("xa", Role.SYNC, "gate-08")


@pytest.mark.parametrize("field", ["client-cert", "client-cert-chain"])
def test_from_anybody_else_the_header_refuses_the_request(door: Authentication, now: datetime, field: str) -> None:
    good = passed_on(certificate(now - DAY, now + DAY))
    with pytest.raises(UntrustedProxy):
        door.recognise(arrived(STRANGER, **{field: good, "x-forwarded-for": PROXY}))


def test_a_certificate_that_is_not_good_today_is_refused(door: Authentication, now: datetime) -> None:
    for since, until in ((now - 2 * DAY, now - DAY), (now + DAY, now + 2 * DAY)):
        with pytest.raises(CertificateRefused, match="not good"):
            door.recognise(arrived(PROXY, client_cert=passed_on(certificate(since, until))))


def test_a_key_that_nobody_registered_is_refused(door: Authentication, now: datetime) -> None:
    other = certificate(now - DAY, now + DAY, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(CertificateRefused, match="registered"):
        door.recognise(arrived(PROXY, client_cert=passed_on(other)))


@pytest.mark.parametrize("field", ["", "text", ":AAAA:", "1", "(:AAAA:)", ":"])
def test_what_is_no_certificate_is_refused(door: Authentication, field: str) -> None:
    with pytest.raises(CertificateRefused):
        door.recognise(arrived(PROXY, client_cert=field))


def test_a_certificate_and_a_token_at_once_are_refused(door: Authentication, now: datetime) -> None:
    good = passed_on(certificate(now - DAY, now + DAY))
    with pytest.raises(SeveralIdentities):
        door.recognise(arrived(PROXY, client_cert=good, authorization="Bearer xck_1"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        (STRANGER, "198.51.100.1", STRANGER),
        (PROXY, "198.51.100.1", "198.51.100.1"),
        (PROXY, "203.0.113.1, 198.51.100.1, 10.1.0.8", "198.51.100.1"),
        (PROXY, "198.51.100.1, nonsense", PROXY),
        (PROXY, "", PROXY),
    ],
)
def test_a_request_is_counted_by_the_last_address_that_is_no_proxys(peer: str, forwarded: str, counted: str) -> None:
    assert TrustedProxies.of("10.1.0.0/24").client_of(arrived(peer, x_forwarded_for=forwarded)) == counted


def test_what_a_proxy_passes_on_is_not_from_this_machine() -> None:
    assert is_local(arrived("127.0.0.1"))
    assert is_local(arrived("::1"))
    assert not is_local(arrived(STRANGER))
    for name in ("x_forwarded_for", "forwarded", "via"):
        assert not is_local(arrived("127.0.0.1", **{name: "127.0.0.1"}))


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.1/8", "10.0.0.0/40"])
def test_a_proxy_that_is_no_address_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ProxiesInvalid):
        TrustedProxies.of(text)
