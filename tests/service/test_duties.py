"""What disclosures leave to be done by people, and what takes effect when it is not done in time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import RowMapping

from service.duties import Ran
from service.flagged import Owed, owed
from service.log_review import next_log_review
from service.schema import checks, duties, flag_candidates, flags
from tests.service.node import Node
from tests.service.recorded import recorded
from tests.service.test_ledger import events, rows
from tests.service.treaties import notices, permit, sign
from tests.watchlists.makers import NOW
from watchlists.agreements import Disclosure, Later, Level, Obligation, Terms
from watchlists.agreements.obligations import parse_obligations
from watchlists.agreements.release import Case, ReleaseState, Verdict, VerdictKind, release_state
from watchlists.database import writing

ON_BOTH_DATABASES = True
WANTED = 1
HOUR = timedelta(hours=1)
CONFIRM, RELEASE, EX_POST = Obligation.CONFIRM_WITHIN, Obligation.RELEASE_BY_OWNER, Obligation.EX_POST_AUTHORISATION
NOTIFY, REVIEW = Obligation.NOTIFY_OWNER, Obligation.ALWAYS_REVIEW


def terms(text: str) -> Terms:
    return Terms.merge(parse_obligations(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tlp-amber, reviewers(2), candidates(5)", ()),
        ("reviewers(1), confirm-within(12 h)", (Owed(CONFIRM, NOW + 12 * HOUR),)),
        ("release-by-owner(24 h)", (Owed(RELEASE, NOW + 24 * HOUR),)),
        ("ex-post-authorisation(48 h)", (Owed(EX_POST, NOW + 48 * HOUR),)),
        ("notify-owner", (Owed(NOTIFY, NOW),)),
        ("always-review", (Owed(REVIEW, None),)),
        (
            "notify-owner, confirm-within(1 h), always-review",
            (Owed(CONFIRM, NOW + HOUR), Owed(NOTIFY, NOW), Owed(REVIEW, None)),
        ),
    ],
)
def test_a_disclosure_leaves_its_duties(text: str, expected: tuple[Owed, ...]) -> None:
    assert owed(Disclosure(Level.HIT, terms=terms(text)), NOW) == expected


class Desk:
    """A node whose agreement shows a hit at once and an alert later, and where XB has an entry on a person."""

    def __init__(self, node: Node, obligations: str, later: str = "reviewers(1)", **entry: Any) -> None:
        self.node = node
        self.duties = node.runtime.duties
        sign(node, permit("search"), permit("see hit", obligations), permit("see alert", later))
        node.enrol("xb", "E-1", finger_number=WANTED, **entry)

    def open(self, **fields: Any) -> UUID:
        """Check that person for XA; return the id of the candidate, who waits for a confirmation."""
        answer = self.node.check("xa", finger_number=WANTED, purpose="crime", **fields)
        (candidate,) = answer["candidates"]
        assert (candidate["level"], self.candidate()["later_level"]) == ("hit", "alert")
        return UUID(candidate["candidate_id"])

    def settle(self, candidate: UUID, obligation: Obligation, at: datetime | None = None) -> bool:
        with writing(self.node.runtime.store.engine) as connection:
            return self.duties.settle(connection, candidate, obligation, at or self.node.clock())

    def wait(self, time: timedelta) -> None:
        self.node.clock.turn(time)
        self.node.runtime.keep_house()

    def candidate(self) -> RowMapping:
        return rows(self.node, flag_candidates)[0]

    def flag(self) -> RowMapping:
        return rows(self.node, flags)[0]

    def told(self, partner: str) -> list[tuple[str, dict[str, Any]]]:
        return [(notice["kind"], notice["details"]) for notice in notices(self.node, partner)]


def test_rule_kind_36_without_an_authorisation_afterwards_everything_is_purged(node: Node) -> None:
    desk = Desk(node, "ex-post-authorisation(10 min)")
    candidate = desk.open()
    desk.wait(timedelta(minutes=9))
    assert (desk.candidate()["level"], len(rows(node, checks))) == ("hit", 1)

    desk.wait(timedelta(minutes=1))
    voided = desk.candidate()
    assert (voided["level"], voided["later_level"]) == ("none", None)
    assert voided["voided_at"] is not None
    assert [voided[name] for name in ("watchlist", "entry", "score")] == [None, None, None]
    assert (voided["owner"], len(voided["decided_by"])) == ("xb", 3)
    assert rows(node, checks) == []
    duty = {"candidate_id": str(candidate), "obligation": "ex-post-authorisation"}
    reminded, purged = desk.told("xa")
    assert (reminded[0], purged) == ("deadline-near", ("data-purged", duty | {"flag_id": voided["flag_id"]}))
    assert desk.told("xb") == [("data-purged", duty | {"partner": "xa"})]
    (event,) = events(node, "duty-lapsed")
    assert (event["candidate_id"], event["obligation"]) == (str(candidate), "ex-post-authorisation")


def test_rule_kind_36_authorised_in_time_it_stays(node: Node) -> None:
    desk = Desk(node, "ex-post-authorisation(48 h)")
    candidate = desk.open()
    node.clock.turn(47 * HOUR)
    assert desk.settle(candidate, EX_POST)
    desk.wait(2 * HOUR)
    assert (desk.candidate()["level"], desk.candidate()["voided_at"]) == ("hit", None)
    assert desk.told("xa") == desk.told("xb") == []


def test_rule_kind_36_the_answer_of_another_check_is_kept(node: Node) -> None:
    desk = Desk(node, "ex-post-authorisation(10 min)")
    desk.open()
    node.clock.turn(timedelta(minutes=5))
    desk.open()
    desk.wait(timedelta(minutes=5))
    assert len(rows(node, checks)) == 1
    assert [row["level"] for row in rows(node, flag_candidates)] in (["none", "hit"], ["hit", "none"])


def test_rule_kind_36_with_the_data_every_other_duty_ends(node: Node) -> None:
    desk = Desk(node, "ex-post-authorisation(1 h), confirm-within(2 h), always-review")
    candidate = desk.open()
    desk.wait(HOUR)
    desk.wait(2 * HOUR)
    assert [kind for kind, _ in desk.told("xa")] == ["data-purged"]
    assert not desk.settle(candidate, REVIEW)


def test_rule_kind_11_what_nobody_confirmed_in_time_is_not_to_be_had(node: Node) -> None:
    desk = Desk(node, "confirm-within(12 h)")
    candidate = desk.open()
    desk.wait(12 * HOUR)
    assert (desk.candidate()["level"], desk.candidate()["later_level"]) == ("hit", None)
    flag = desk.flag()
    assert flag["overdue_at"] == rows(node, duties)[0]["lapsed_at"]
    duty = {"flag_id": flag["id"], "candidate_id": str(candidate), "obligation": "confirm-within"}
    assert desk.told("xa") == [("flag-overdue", duty)]
    assert desk.told("xb") == []


def test_rule_kind_11_confirmed_in_time_it_stays(node: Node) -> None:
    desk = Desk(node, "confirm-within(12 h)")
    candidate = desk.open()
    node.clock.turn(11 * HOUR)
    assert desk.settle(candidate, CONFIRM)
    desk.wait(2 * HOUR)
    assert (desk.candidate()["later_level"], desk.flag()["overdue_at"]) == ("alert", None)


def test_rule_kind_11_a_confirmation_on_the_minute_is_too_late(node: Node) -> None:
    desk = Desk(node, "confirm-within(12 h)")
    candidate = desk.open()
    due_at = desk.flag()["opened_at"] + 12 * HOUR
    assert not desk.settle(candidate, CONFIRM, due_at)
    assert [lapse.candidate_id for lapse in desk.duties.due(due_at)] == [str(candidate)]
    assert desk.settle(candidate, CONFIRM, due_at - timedelta(microseconds=1))
    assert list(desk.duties.due(due_at)) == []


@pytest.mark.parametrize("late", [timedelta(microseconds=-1), timedelta(), timedelta(microseconds=1)])
def test_rule_kind_11_one_rule_says_what_is_too_late_for_the_duty_and_for_the_release(
    node: Node, late: timedelta
) -> None:
    later = "reviewers(1), confirm-within(12 h)"
    desk = Desk(node, "tlp-amber", later)
    candidate, found_at = desk.open(), desk.flag()["opened_at"]
    at = found_at + 12 * HOUR + late
    decision = Disclosure(Level.HIT, later=Later(Level.ALERT, (), (), terms(later)))
    case = Case(found_at, (Verdict("ada", VerdictKind.SAME_PERSON, at),))
    released = release_state(decision, case, at) is ReleaseState.RELEASED
    lapsed = release_state(decision, Case(found_at), at) is ReleaseState.LAPSED
    due = [duty.candidate_id for duty in desk.duties.due(at)]
    assert (released, lapsed, due) == ((True, False, []) if late < timedelta() else (False, True, [str(candidate)]))
    assert desk.settle(candidate, CONFIRM, at) is released


def test_rule_kind_12_the_owner_is_asked_at_once_and_its_silence_releases_nothing(node: Node) -> None:
    desk = Desk(node, "tlp-amber", later="release-by-owner(24 h)")
    candidate = desk.open()
    ((kind, details),) = desk.told("xb")
    assert kind == "release-requested"
    assert (details["partner"], details["purpose"], details["entry"]) == ("xa", "crime", "E-1")
    assert datetime.fromisoformat(details["due_at"]) == desk.flag()["opened_at"] + 24 * HOUR

    desk.wait(24 * HOUR)
    assert (desk.candidate()["level"], desk.candidate()["later_level"]) == ("hit", None)
    assert [kind for kind, _ in desk.told("xb")] == ["release-requested", "release-lapsed"]
    (to_asker,) = desk.told("xa")
    assert to_asker[1]["candidate_id"] == str(candidate)
    assert desk.flag()["overdue_at"] is None


def test_rule_kind_35_in_an_emergency_the_owner_is_told_of_each_find_and_somebody_must_review_it(node: Node) -> None:
    desk, emergency = Desk(node, "notify-owner, always-review"), uuid4()
    body = {"justification": "attack on the ferry", "until": (node.clock() + HOUR).isoformat()}
    assert node.call("xa-reviewer", "PUT", f"/v1/emergencies/{emergency}", json=body).status_code == 201
    candidate = desk.open(emergency=str(emergency))
    ((kind, details),) = desk.told("xb")
    assert (kind, details["emergency"], details["candidate_id"]) == ("emergency-used", str(emergency), str(candidate))
    desk.wait(timedelta(days=900))
    with node.runtime.store.engine.connect() as connection:
        assert desk.duties.unsettled(connection, candidate, node.clock()) == (Owed(REVIEW, None),)
    assert desk.settle(candidate, REVIEW)


def test_outside_an_emergency_the_owner_is_told_of_a_find_where_a_clause_says_so(node: Node) -> None:
    desk = Desk(node, "notify-owner", exercise=True)
    desk.open(exercise=True)
    ((kind, details),) = desk.told("xb")
    assert (kind, details["watchlist"], details["entry"], details["exercise"]) == (
        "entry-found",
        "xb-alerts",
        "E-1",
        True,
    )
    assert desk.told("xa") == []


def test_without_duties_nobody_is_told_and_nothing_waits(node: Node) -> None:
    desk = Desk(node, "tlp-amber")
    desk.open()
    assert rows(node, duties) == []
    assert desk.told("xb") == []


def test_a_duty_is_settled_once(node: Node) -> None:
    desk = Desk(node, "confirm-within(12 h)")
    candidate = desk.open()
    assert [desk.settle(candidate, CONFIRM) for _ in range(2)] == [True, False]
    assert not desk.settle(candidate, REVIEW)
    assert not desk.settle(uuid4(), CONFIRM)


def test_what_is_owed_of_one_candidate_is_not_owed_of_another(node: Node) -> None:
    desk = Desk(node, "confirm-within(12 h), always-review")
    first, second = desk.open(), desk.open()
    assert desk.settle(first, CONFIRM)
    with node.runtime.store.engine.connect() as connection:
        owed = [desk.duties.unsettled(connection, each, node.clock()) for each in (first, second)]
    assert [[duty.obligation for duty in each] for each in owed] == [[REVIEW], [REVIEW, CONFIRM]]


def test_a_deadline_takes_effect_once_however_often_and_wherever_it_is_looked_for(node: Node) -> None:
    desk = Desk(node, "confirm-within(12 h)")
    for _ in range(4):
        desk.open()
    late = node.clock() + 12 * HOUR
    with ThreadPoolExecutor(4) as threads:
        ran = list(threads.map(lambda _: desk.duties.run(late), range(4)))
    assert sum(each.lapsed for each in ran) == 4
    assert len(desk.told("xa")) == len(events(node, "duty-lapsed")) == 4


def test_a_duty_that_cannot_be_read_does_not_keep_the_others(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(node, "confirm-within(12 h)")
    candidates = sorted(str(desk.open()) for _ in range(3))
    with writing(node.runtime.store.engine) as connection:
        broken = duties.update().where(duties.c.candidate_id == candidates[0])
        connection.execute(broken.values(obligation="tell-the-press"))
    for _ in range(2):
        desk.wait(12 * HOUR)
    assert sorted(event["candidate_id"] for event in events(node, "duty-lapsed")) == candidates[1:]
    (left,) = [row for row in rows(node, duties) if row["lapsed_at"] is None]
    assert left["candidate_id"] == candidates[0]
    assert desk.duties.run(node.clock()) == Ran(lapsed=0, unreadable=1)
    logged = [record.getMessage() for record in caplog.records if "a duty did not" in record.getMessage()]
    assert len(logged) == 1
    assert "ValueError" in logged[0]
    assert "tell-the-press" not in caplog.text
    metrics = node.call("xa-operator", "GET", "/metrics").text
    assert "crosscheck_duties_unreadable 1.0" in metrics


def test_a_deadline_that_passed_while_the_service_was_down_takes_effect_on_its_return(node: Node) -> None:
    desk = Desk(node, "confirm-within(12 h)")
    desk.open()
    node.stop()
    node.clock.turn(timedelta(days=3))
    node.start()
    node.runtime.keep_house()
    assert desk.candidate()["later_level"] is None
    assert [kind for kind, _ in desk.told("xa")] == ["flag-overdue"]


HALF_YEAR = timedelta(weeks=26)


@pytest.mark.parametrize(
    ("obligation", "last", "first", "expected"),
    [
        ("log-for(3 y)", NOW, NOW, None),
        ("log-review-every(26 w)", None, None, None),
        ("log-review-every(26 w)", None, NOW, NOW + HALF_YEAR),
        ("log-review-every(26 w)", NOW + HALF_YEAR, NOW, NOW + 2 * HALF_YEAR),
    ],
)
def test_rule_kind_29_the_next_review_follows_the_last_or_the_first_search(
    obligation: str, last: datetime | None, first: datetime | None, expected: datetime | None
) -> None:
    assert next_log_review(terms(obligation), last, first) == expected


def test_rule_kind_29_each_party_that_searches_is_asked_once_a_period(node: Node) -> None:
    sign(node, permit("search", "log-review-every(26 w)"), permit("see hit"))
    node.check("xa", finger_number=2, purpose="crime")
    for _ in range(3):
        node.clock.turn(HALF_YEAR / 2)
        node.runtime.keep_house()
        node.runtime.keep_house()
    (task,) = notices(node, "xa", "log-review-due")
    assert task["details"]["agreement"] == "treaty"
    assert notices(node, "xb", "log-review-due") == []

    node.clock.turn(HALF_YEAR)
    node.runtime.keep_house()
    assert len(notices(node, "xa", "log-review-due")) == 2


def test_rule_kind_29_the_task_names_the_agreement_and_when_it_was_due_by_the_first_search(node: Node) -> None:
    sign(node, permit("search", "log-review-every(26 w)"), permit("see hit"), parties=("xa", "xb", "xc"))
    node.check("xa", finger_number=2, purpose="crime")
    searched = recorded(node.runtime.store, "check-answered")[0]["at"]
    node.clock.turn(2 * HALF_YEAR)
    node.check("xb", finger_number=2, purpose="crime")
    node.runtime.keep_house()
    (task,) = notices(node, "xa", "log-review-due")
    due_at = datetime.fromisoformat(task["details"]["due_at"])
    assert task["details"] == {"agreement": "treaty", "due_at": due_at.isoformat()}
    assert abs(due_at - searched - HALF_YEAR) < timedelta(minutes=1)
    assert notices(node, "xb", "log-review-due") == []


def test_rule_kind_29_no_review_is_asked_for_where_no_rule_asks(node: Node) -> None:
    node.check("xa", finger_number=2)
    node.clock.turn(2 * HALF_YEAR)
    node.runtime.keep_house()
    assert notices(node, "xa", "log-review-due") == []


ENTER = '@id("enter")\n@obligations("majority-notice")\npermit (principal, action == Action::"enter", resource)\n'


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (ENTER + 'when { resource.age == "minor" };', ["majority-reached"]),
        (ENTER + 'when { resource.category == "missing-person" };', []),
        (ENTER + 'when { principal.authority == "police" };', ["majority-reached"]),
        ('@id("barred")\nforbid (principal, action == Action::"enter", resource);', ["majority-reached"]),
    ],
)
def test_rule_kind_24_an_owner_is_told_when_a_child_comes_of_age(node: Node, rule: str, told: list[str]) -> None:
    node.clock.set(datetime(2030, 6, 15, 12, tzinfo=UTC))
    node.enrol("xb", "E-1", finger_number=1, subject={"birth_date": "2012-06-16"})
    sign(node, rule, parties=("xb",), authorities='["police"]')
    node.runtime.keep_house()
    assert notices(node, "xb") == []

    for _ in range(2):
        node.clock.turn(timedelta(days=1))
        node.runtime.keep_house()
    found = notices(node, "xb")
    assert [notice["kind"] for notice in found] == told
    assert all(notice["details"] == {"watchlist": "xb-alerts", "entry": "E-1"} for notice in found)
