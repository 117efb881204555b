"""Whatever keeps an entry from a terminal, the answer is that of a world without it, and nobody can tell why."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from tests.service.node import entry
from tests.service.scene import HIT, PERSON, SCORE, SEARCH, Scene, comparable, rule
from tests.service.treaties import notices, permit
from watchlists.errors import AgreementInvalid

OVERFLOW = "9223372036854775807 + 1 == 0"
CASE = "XA-2026/331"


@dataclass(frozen=True)
class Denial:
    """One reason to disclose nothing.

    Args:
        rules: of the agreement; None if there is none.
        agreement: keys of agreement.toml that are not as usual.
        entry: fields of the entry.
        asks: fields of the check.
    """

    rules: tuple[str, ...] | None = (SEARCH, SCORE)
    agreement: dict[str, Any] = field(default_factory=dict)
    entry: dict[str, Any] = field(default_factory=dict)
    asks: dict[str, Any] = field(default_factory=dict)


DENIALS = {
    "no agreement": Denial(rules=None),
    "agreement of others": Denial(agreement={"parties": ("xb", "xc")}),
    "agreement of the asker alone": Denial(agreement={"parties": ("xa", "xc")}),
    "not yet in force": Denial(agreement={"in_force_from": "2199-01-01T00:00:00Z"}),
    "expired": Denial(agreement={"in_force_until": "2020-01-02T00:00:00Z"}),
    "purpose that no rule permits": Denial((permit("search", when='context.purpose == "manhunt"'), SCORE)),
    "purpose that is not listed": Denial(asks={"purpose": "car-rental"}),
    "category that no rule permits": Denial((permit("search", when='resource.category == "missing-person"'), SCORE)),
    "category that is not listed": Denial(entry={"category": "grudge"}),
    "category of another agreement": Denial(agreement={"categories": '["missing-person"]'}),
    "attribute that is missing": Denial(
        (permit("search", when="resource has gravity && resource.gravity >= 1"), SCORE)
    ),
    "search without a level": Denial((SEARCH,)),
    "level without a search": Denial((SCORE,)),
    "level for a higher score": Denial(
        (SEARCH, permit("see score", when='context.score.greaterThanOrEqual(decimal("90.0"))'))
    ),
    "forbid": Denial((SEARCH, SCORE, rule("search", forbid=True))),
    "forbid on the lowest level": Denial((SEARCH, SCORE, rule("see hit", forbid=True))),
    "permit that fails": Denial((permit("search", when=OVERFLOW), SCORE)),
    "forbid that fails": Denial((SEARCH, SCORE, rule("search", when=OVERFLOW, forbid=True))),
    "forbid on a level that fails": Denial((SEARCH, SCORE, rule("see hit", when=OVERFLOW, forbid=True))),
    "other authority": Denial(
        (permit("search", when='principal.authority == "police"'), SCORE), {"authorities": '["police"]'}
    ),
    "other role": Denial((permit("search", when='principal.role == "reviewer"'), SCORE)),
    "owner has not authorised": Denial((permit("search", "owner-authorisation"), SCORE), asks={"case_reference": CASE}),
    "no emergency": Denial((permit("search", "notify-owner, always-review", "context.emergency"), SCORE)),
    "excluded": Denial(entry={"excluded": ["xa"]}),
    "hidden": Denial(entry={"hidden_until": "2199-01-01T00:00:00Z"}),
    "exercise": Denial(entry={"exercise": True}),
    "nothing but an exercise": Denial(asks={"exercise": True}),
}


@pytest.mark.parametrize("denial", list(DENIALS.values()), ids=list(DENIALS))
def test_what_is_denied_is_answered_as_if_it_did_not_exist(scene: Scene, denial: Denial) -> None:
    if denial.rules is not None:
        scene.agree(*denial.rules, **denial.agreement)
    empty = scene.send(**denial.asks)
    scene.enrol(**denial.entry)
    told = notices(scene.node, "xb")
    denied = scene.send(**denial.asks)

    assert comparable(denied) == comparable(empty)
    assert denied.headers.keys() == empty.headers.keys()
    assert (denied.json()["outcome"], denied.json()["complete"]) == ("no-candidates", True)
    assert scene.flag_of(denied.json()["check_id"]) is None
    assert recorded(scene, denied.json()) == recorded(scene, empty.json())
    assert notices(scene.node, "xb") == told

    scene.agree(SEARCH, SCORE)
    scene.enrol()
    assert scene.seen() is not None, "there was nobody to be found"


def recorded(scene: Scene, answer: dict[str, Any]) -> dict[str, Any]:
    """What is on record of a check, but for its id and the number of changes."""
    return scene.event_of(answer["check_id"]) | {"check_id": None, "gallery_sequence": None}


def test_one_denial_answers_like_any_other(scene: Scene) -> None:
    """Byte for byte, whatever the reason: but for the mark of an exercise, which the terminal asked for."""
    answers = set()
    for number, denial in enumerate(DENIALS.values()):
        if "exercise" in denial.asks:
            continue
        name = f"E-{number}"
        scene.clear()
        if denial.rules is not None:
            scene.agree(*denial.rules, **denial.agreement)
        scene.enrol(name, **denial.entry)
        scene.node.clock.turn(timedelta(minutes=10))
        answers.add(comparable(scene.send(**denial.asks)))
    assert len(answers) == 1


def test_a_used_up_quota_shows_as_an_incomplete_answer_and_as_nothing_else(scene: Scene) -> None:
    """The one exception: the terminal must know that the search was not made. It says nothing of any entry."""
    scene.agree(permit("search", "quota(2)"), SCORE)
    scene.enrol()
    assert [scene.check()["outcome"] for _ in range(2)] == ["flagged", "flagged"]
    exhausted = scene.send()
    assert exhausted.json() | {"samples": None, "check_id": None, "gallery_sequence": None, "receipt": None} == {
        "check_id": None,
        "outcome": "incomplete",
        "complete": False,
        "gallery_sequence": None,
        "exercise": False,
        "flag_id": None,
        "samples": None,
        "candidates": [],
        "quotas": [exhausted.json()["quotas"][0] | {"agreement": "treaty", "limit": 2, "left": 0}],
        "receipt": None,
    }
    assert scene.flag_of(exhausted.json()["check_id"]) is None

    scene.clear()
    scene.agree(permit("search", "quota(2)"), SCORE)
    assert comparable(scene.send()) == comparable(exhausted)


def test_what_one_agreement_has_used_up_another_still_allows(scene: Scene) -> None:
    scene.agree(permit("search", "quota(1)"), SCORE)
    scene.agree(SEARCH, HIT, name="without-quota")
    scene.enrol()
    levels = [seen["level"] for _ in range(2) if (seen := scene.seen())]
    assert levels == ["score", "hit"]


@pytest.mark.parametrize(
    "broken",
    [
        permit("see hit", "tell-nobody"),
        permit("search", when='context.case_reference == "7"'),
        permit("search", when='context.purpose == "manhant"'),
        "permit (principal",
    ],
    ids=["unknown obligation", "attribute that may be missing", "misspelt word", "no Cedar"],
)
def test_an_agreement_that_is_not_sound_never_comes_into_force(scene: Scene, broken: str) -> None:
    nobody = scene.send()
    scene.enrol()
    with pytest.raises(AgreementInvalid):
        scene.agree(SEARCH, SCORE, broken)
    scene.node.runtime.keep_house()
    assert comparable(scene.send()) == comparable(nobody)

    scene.agree(SEARCH, SCORE)
    assert scene.seen() is not None


def test_an_agreement_that_is_no_longer_sound_leaves_the_one_before_in_force(scene: Scene) -> None:
    scene.agree(SEARCH, HIT)
    scene.enrol()
    with pytest.raises(AgreementInvalid):
        scene.agree(SEARCH, SCORE, "forbid", version="2")
    scene.node.runtime.keep_house()
    seen = scene.seen()
    assert seen is not None
    assert (seen["level"], {by["version"] for by in seen["decided_by"]}) == ("hit", {1})


@pytest.mark.parametrize("who", ["xa-sync", "xa-reviewer", "xa-auditor", "xa-operator"])
def test_nobody_but_a_terminal_checks_and_the_refusal_is_the_same_with_and_without_a_hit(
    scene: Scene, who: str
) -> None:
    scene.agree(SEARCH, SCORE)
    refusals = []
    for number in (PERSON, 2):
        scene.enrol()
        response = scene.node.call(who, "POST", "/v1/match", json=scene.request(finger_number=number))
        refusals.append((response.status_code, response.content))
    assert refusals[0] == refusals[1]
    assert refusals[0][0] == 403


def test_a_missing_justification_is_refused_the_same_with_and_without_a_hit(scene: Scene) -> None:
    scene.agree(permit("search", "justify(case-reference)"), SCORE)
    without = scene.node.send("xa", scene.request())
    scene.enrol()
    with_hit = scene.node.send("xa", scene.request())
    assert with_hit.status_code == without.status_code == 422
    assert with_hit.content == without.content


def test_an_import_is_not_told_who_else_is_listed(scene: Scene) -> None:
    """The owner's own work meets its own agreements, never another partner's entries on the same person."""
    scene.agree(SEARCH, SCORE)
    alone = scene.import_lines("xc", {"E-1": entry(finger_number=PERSON)})
    scene.enrol("E-1", "xb")
    beside = scene.import_lines("xc", {"E-2": entry(finger_number=PERSON)})
    own = [(each["watchlist"], each["entry_id"]) for each in beside[0].pop("near_duplicates")]
    assert own == [("xc-alerts", "E-1")]
    assert [each.keys() for each in alone] == [each.keys() for each in beside]
    assert [each["status"] for each in (*alone, *beside)] == ["created", "created"]
