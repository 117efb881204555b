"""What an emergency opens is told to the owner at once and always reviewed: other rules are refused."""

from __future__ import annotations

import pytest

from tests.watchlists.agreements.conftest import SCORE, SEARCH, Load
from watchlists.errors import AgreementInvalid

BOTH = "notify-owner, always-review"
OPENS = [
    "when { context.emergency }",
    'when { context.purpose == "asylum" || (principal.partner == "xa" && context.emergency) }',
    "when { !!context.emergency }",
    "unless { !context.emergency }",
    "unless { !(context.emergency && resource.contested) }",
    "when { context.emergency == true }",
    "when { [true].contains(context.emergency) }",
    'when { if context.emergency then context.purpose == "asylum" else context.purpose == "border-check" }',
    'when { if context.purpose == "asylum" then context.emergency else true }',
]
CLOSES = [
    "unless { context.emergency }",
    "when { !context.emergency }",
    "when { resource.contested && !(resource.hidden || context.emergency) }",
    "unless { !(!context.emergency) }",
    "when { if resource.contested then !context.emergency else true }",
]
EITHER = OPENS[5:8]


def rule(effect: str, condition: str, asks: str = "", action: str = "see alert") -> str:
    obligations = f'@obligations("{asks}")\n' if asks else ""
    head = f'{effect} (principal, action == Action::"{action}", resource)'
    return f'{SEARCH}{SCORE}@id("x")\n{obligations}{head} {condition};'


@pytest.mark.parametrize("condition", OPENS)
@pytest.mark.parametrize(
    ("asks", "missing"),
    [("", "notify-owner and always-review"), ("notify-owner", "always-review"), ("always-review", "notify-owner")],
)
def test_rule_kind_35_a_permit_for_emergencies_carries_both_obligations(
    load: Load, condition: str, asks: str, missing: str
) -> None:
    with pytest.raises(AgreementInvalid, match=f"x: a permit for emergencies without {missing}$") as raised:
        load(rule("permit", condition, asks))
    assert raised.value.line == 5
    assert "told at once" in raised.value.hint
    load(rule("permit", condition, BOTH), "sound")


@pytest.mark.parametrize("condition", CLOSES + EITHER)
def test_rule_kind_35_a_forbid_gives_no_way_to_an_emergency(load: Load, condition: str) -> None:
    with pytest.raises(AgreementInvalid, match="x: a forbid may not give way to an emergency") as raised:
        load(rule("forbid", condition))
    assert raised.value.hint.startswith("Let a permit with notify-owner and always-review open it instead")


@pytest.mark.parametrize("condition", CLOSES)
def test_what_an_emergency_closes_asks_for_nothing(load: Load, condition: str) -> None:
    load(rule("permit", condition))


@pytest.mark.parametrize("condition", [each for each in OPENS if each not in EITHER])
def test_an_emergency_may_forbid(load: Load, condition: str) -> None:
    load(rule("forbid", condition))


def test_rule_kind_35_the_search_counts_as_well(load: Load) -> None:
    with pytest.raises(AgreementInvalid, match="a permit for emergencies without"):
        load(rule("permit", OPENS[0], action="search"))


@pytest.mark.parametrize("effect", ["permit", "forbid"])
def test_deeds_beside_a_check_are_free(load: Load, effect: str) -> None:
    load(rule(effect, OPENS[5], action="take action"))
