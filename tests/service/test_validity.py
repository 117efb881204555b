"""What flags show is void with the agreement it came in by: from that minute on nobody sees it, and it is purged."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from service.flagged import AskedAs
from service.schema import checks, duties, flag_candidates, flags, wipes_due
from service.validity import Shown
from tests.service.node import Node
from tests.service.test_duties import CONFIRM, EX_POST, HOUR, RELEASE, REVIEW, Desk
from tests.service.test_ledger import events, rows
from tests.service.treaties import notices, permit, sign
from watchlists.agreements import Level, Obligation, Request
from watchlists.database import writing

ON_BOTH_DATABASES = True
HIT, ALERT = permit("see hit", "always-review"), permit("see alert", "reviewers(1), confirm-within(12 h)")
SEEN = Shown(Level.HIT, Level.ALERT)
INSTANT = timedelta(microseconds=1)
SUCCESSOR = {"version": "2", "supersedes": '["treaty@1"]'}


class Case(Desk):
    """A desk whose agreement ends in an hour, and the candidate of a check before that."""

    def __init__(self, node: Node, *rules: str, **entry: Any) -> None:
        super().__init__(node, "always-review", "reviewers(1), confirm-within(12 h)", **entry)
        self.end = node.clock() + HOUR
        sign(node, *(rules or (permit("search"), HIT, ALERT)), in_force_until=self.end.isoformat())
        self.id = self.open()

    def shown(self, before: timedelta = timedelta()) -> Shown:
        """What may be seen of the candidate when the agreement ends, or that long before."""
        with self.node.runtime.store.engine.connect() as connection:
            opened = [str(row["id"]) for row in rows(self.node, flags)]
            standing = self.node.runtime.validity.standing(connection, opened, self.end - before)
        return next((each.shown for each in standing if each.id == str(self.id)), Shown())

    def unsettled(self) -> list[Obligation]:
        with self.node.runtime.store.engine.connect() as connection:
            return [duty.obligation for duty in self.duties.unsettled(connection, self.id, self.node.clock())]

    def replace(self, *rules: str, **more: str) -> None:
        """Let the agreement end, and a new version of it take its place."""
        sign(self.node, *rules, **{"in_force_from": self.end.isoformat()} | SUCCESSOR | more)
        self.node.clock.set(self.end)
        self.node.runtime.keep_house()

    @property
    def is_void(self) -> bool:
        return self.candidate()["voided_at"] is not None


def test_rule_kind_37_with_its_agreement_a_flag_is_purged_and_who_asked_is_told_once(node: Node) -> None:
    case = Case(node)
    node.clock.set(case.end - timedelta(minutes=1))
    node.runtime.keep_house()
    assert (case.is_void, len(case.unsettled())) == (False, 2)

    node.clock.set(case.end)
    for _ in range(2):
        node.runtime.keep_house()
    void = case.candidate()
    assert case.is_void
    assert (void["level"], void["later_level"]) == ("none", None)
    assert [void[name] for name in ("watchlist", "entry", "score")] == [None] * 3
    assert (void["owner"], [by["agreement"] for by in void["decided_by"]]) == ("xb", ["treaty"] * 3)
    assert all(duty["lapsed_at"] is not None for duty in rows(node, duties))
    assert rows(node, checks) == []
    purged = {"flag_id": void["flag_id"], "candidate_id": str(case.id), "agreements": "treaty@1"}
    assert case.told("xa") == [("data-purged", purged)]
    assert case.told("xb") == []
    assert events(node, "disclosure-voided") == [purged | {"owner": "xb"}]

    case.wait(13 * HOUR)
    assert [kind for kind, _ in case.told("xa")] == ["data-purged"]


def test_rule_kind_37_before_the_clean_up_nobody_sees_what_is_void(node: Node) -> None:
    case = Case(node)
    assert case.shown(before=INSTANT) == SEEN
    assert case.shown() == Shown()
    assert not case.is_void


def test_rule_kind_37_nothing_is_confirmed_authorised_or_released_once_the_agreement_has_ended(node: Node) -> None:
    asks = "confirm-within(2 h), ex-post-authorisation(2 h), always-review"
    later = permit("see alert", "release-by-owner(2 h)")
    case = Case(node, permit("search"), permit("see hit", asks), later)
    open_duties = {CONFIRM, EX_POST, RELEASE, REVIEW}
    assert set(case.unsettled()) == open_duties
    for housekeeping in (False, True):
        node.clock.set(case.end)
        if housekeeping:
            node.runtime.keep_house()
        assert not any(case.settle(case.id, duty) for duty in open_duties)
        assert case.unsettled() == []
    assert not case.settle(case.id, CONFIRM, case.end - INSTANT)  # nor for a clock that lags behind, once it is purged


def test_rule_kind_37_a_duty_is_settled_while_the_agreement_lasts(node: Node) -> None:
    case = Case(node)
    assert case.settle(case.id, CONFIRM, case.end - INSTANT)


@pytest.mark.parametrize(
    ("rules", "is_void"),
    [
        ((HIT, ALERT), False),
        ((permit("see alert"),), False),
        ((HIT,), True),
        ((permit("see hit", "reviewers(1)"), ALERT), True),
        ((HIT, permit("see alert", when="context.exercise")), True),
    ],
    ids=["same words", "more", "less", "later", "other conditions"],
)
def test_rule_kind_37_a_new_version_voids_what_it_no_longer_allows(
    node: Node, rules: tuple[str, ...], *, is_void: bool
) -> None:
    case = Case(node)
    case.replace(permit("search"), *rules)
    assert case.is_void is is_void
    assert case.shown() == (Shown() if is_void else SEEN)


def test_rule_kind_37_a_new_version_is_asked_as_the_check_was(node: Node) -> None:
    """Of the request, a flag keeps what rules read: who asked, and what came with it."""
    when = 'principal.country == "xa" && context.checkpoint == "XA-GATE-07" && !context.exercise'
    rules = permit("search", "justify(case-reference)", when), HIT, ALERT
    case = Case(node)
    sign(node, *rules, countries='["xa"]')
    (candidate,) = node.check("xa", finger_number=1, purpose="crime", case_reference="X")["candidates"]
    case.id = UUID(candidate["candidate_id"])
    node.settle()
    case.replace(*rules, countries='["xa"]')
    assert case.shown() == SEEN


def test_rule_kind_37_without_the_agreement_or_the_entry_nothing_stands(node: Node) -> None:
    case = Case(node)
    node.withdraw("xb", "E-1")
    assert case.shown(before=INSTANT) == SEEN
    case.replace(permit("search"), HIT, ALERT)
    assert case.is_void


def test_rule_kind_37_a_removed_agreement_takes_its_flags_along(node: Node) -> None:
    case = Case(node)
    shutil.rmtree(node.home / "agreements" / "treaty")
    node.runtime.rules.reload()
    node.runtime.keep_house()
    assert case.is_void


def test_rule_kind_37_a_flag_that_was_opened_late_is_void_too(node: Node) -> None:
    node.runtime.keep_house()
    case = Case(node)
    node.clock.set(case.end)
    node.runtime.keep_house()
    late = {"voided_at": None, "level": "hit", "watchlist": "xb-alerts", "entry": "E-1", "score": 9}
    with writing(node.runtime.store.engine) as connection:  # as if it had been opened only now
        connection.execute(flag_candidates.update().values(late))
    assert case.shown() == Shown()
    case.wait(HOUR)
    assert case.is_void


def test_rule_kind_37_each_is_purged_once_by_whoever_comes_first(node: Node) -> None:
    case = Case(node)
    for _ in range(3):
        case.open()
    with ThreadPoolExecutor(4) as threads:
        purged = list(threads.map(lambda _: node.runtime.validity.look(case.end), range(4)))
    assert sum(purged) == 4
    assert len(notices(node, "xa", "data-purged")) == len(events(node, "disclosure-voided")) == 4


@pytest.mark.parametrize("damage", ["level = 'everything'", """decided_by = '[{"agreement": 7}]'""", "broken"])
def test_a_candidate_that_cannot_be_read_is_not_shown_and_does_not_keep_the_others(
    node: Node, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    case = Case(node)
    other = case.open()
    if damage == "broken":  # which PostgreSQL would not take
        damage = "decided_by = '{'" if node.runtime.store.engine.dialect.name == "sqlite" else "later_level = ''"
    with writing(node.runtime.store.engine) as connection:
        connection.execute(text(f"UPDATE flag_candidates SET {damage} WHERE candidate_id = '{other}'"))
    node.clock.set(case.end)
    assert node.runtime.validity.look(node.clock()) == 1
    assert [event["candidate_id"] for event in events(node, "disclosure-voided")] == [str(case.id)]
    logged = [record.getMessage() for record in caplog.records if "cannot be read" in record.getMessage()]
    assert logged[0] in {f"a candidate of a flag cannot be read: {kind}" for kind in ("KeyError", "ValidationError")}
    with node.runtime.store.engine.connect() as connection:
        assert not node.runtime.validity.stands(connection, other, case.end - INSTANT)


def test_rule_kind_36_a_wipe_that_was_not_possible_is_made_up_for(node: Node) -> None:
    case = Case(node)
    with node.runtime.store.engine.connect() as reading:  # keeps SQLite from emptying its log, as a crash would
        reading.execute(checks.select()).all()
        node.clock.set(case.end)
        node.runtime.keep_house()
        assert case.is_void
        done = node.runtime.wipes.run()
    assert done is (node.runtime.store.engine.dialect.name == "postgresql")
    due = {row["of_table"] for row in rows(node, wipes_due)}
    assert due == set() if done else due >= {"checks", "flag_candidates", "verdicts"}
    node.runtime.keep_house()
    assert rows(node, wipes_due) == []
    assert node.runtime.wipes.run()


def test_all_that_rules_read_of_a_request_is_kept_but_the_case_reference() -> None:
    asked = Request(
        partner="xa",
        role="terminal",
        purpose="crime",
        case_reference="XA-2026/331",
        checkpoint="XA-GATE-07",
        country="xy",
        authority="police",
        justified=frozenset({"case-reference", "justification"}),
        authorised_by=frozenset({"xb", "xc"}),
        emergency=True,
        exercise=True,
        exhausted=frozenset({"treaty"}),
    )
    assert AskedAs.of(asked).request("xa", "crime", "XA-GATE-07", exercise=True) == replace(asked, case_reference=None)


def test_of_several_candidates_the_best_comes_first(node: Node) -> None:
    case = Case(node)
    for _ in range(3):
        case.open()
    found = rows(node, flag_candidates)
    scores = dict(zip(sorted(row["candidate_id"] for row in found), (4.0, 5.0, 6.0, 7.0), strict=True))
    with writing(node.runtime.store.engine) as connection:
        for candidate, score in scores.items():
            it = flag_candidates.c.candidate_id == candidate
            connection.execute(flag_candidates.update().where(it).values(score=score))
        opened = [row["flag_id"] for row in found]
        standing = node.runtime.validity.standing(connection, opened, node.clock())
    assert [each.score for each in standing] == [7.0, 6.0, 5.0, 4.0]
