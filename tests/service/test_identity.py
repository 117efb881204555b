"""A token stands for a partner with its country, a role, a name and an authority."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.audit import open_log
from service.identity import Caller, InvalidName, TokenRegister
from service.roles import Role
from tests.watchlists.makers import NOW, Node, open_node
from watchlists.records import Partner


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = open_node(tmp_path)
    open_log(node.engine, node.store.keys, NOW)
    node.store.add_partner(Partner("xa-police", "Police of XA", country="xa"))
    yield node
    node.engine.dispose()


def test_a_caller_is_recognised_with_its_authority_and_the_country_of_its_partner(node: Node) -> None:
    register = TokenRegister(node.engine)
    token = register.issue(Caller("xa-police", Role.TERMINAL, "car-1", authority="police"), NOW)

    known = Caller("xa-police", Role.TERMINAL, "car-1", authority="police", country="xa")
    assert register.recognise(f"Bearer {token}") == known
    assert [record.caller for record in register.all()] == [known]


def test_a_country_is_that_of_the_partner_whatever_the_token_was_issued_for(node: Node) -> None:
    register = TokenRegister(node.engine)
    token = register.issue(Caller("xa-police", Role.TERMINAL, "car-1", country="xb"), NOW)

    assert register.recognise(f"Bearer {token}").country == "xa"


def test_who_names_no_authority_has_none_and_who_names_no_country_has_that_of_its_name() -> None:
    caller = Caller("xb", Role.SYNC, "xb-sync")
    assert (caller.authority, caller.country) == ("", "xb")


@pytest.mark.parametrize("authority", ["Police", "border guard", "-", "a--b", "a\n", "a" * 65])
def test_an_authority_that_no_agreement_could_name_is_refused(node: Node, authority: str) -> None:
    with pytest.raises(InvalidName):
        TokenRegister(node.engine).issue(Caller("xa", Role.TERMINAL, "car-1", authority=authority), NOW)
