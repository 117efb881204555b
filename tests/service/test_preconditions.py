"""What a check needs before anything is searched, by what agreements ask and partners have granted or declared."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import Response
from sqlalchemy import func, select

from service.api.messages import MatchRequest
from service.authorisations import Authorisations, Case
from service.emergencies import Emergencies
from service.errors import EmergencyNotActive, JustificationMissing, UntilOutOfRange, problem_of
from service.identity import Caller, WrongRole
from service.preconditions import Gathered
from service.quotas import Quotas
from service.roles import Role
from service.schema import quota_uses
from tests.service.node import Node
from tests.service.recorded import recorded
from tests.service.treaties import notices, permit, sign
from watchlists.agreements import Clause, Quota
from watchlists.records import Partner, VisibilityClass

CASE, OTHER_CASE = "XA-2026/331", "XA-2026/332"
ALERTS = VisibilityClass("xb", "xb-alerts", "wanted", "inform-officer")
CRIME_ONLY = 'context.purpose == "crime"'
HIT = permit("see hit")


def gather(node: Node, asker: str = "xa", purpose: str = "crime", **fields: Any) -> Gathered:
    body = node.request(finger_number=1, purpose=purpose, **fields)
    caller = Caller(asker, Role.TERMINAL, f"{asker}-terminal", country=asker)
    request, rules = MatchRequest.model_validate(body), node.runtime.rules.current
    return node.runtime.preconditions.gather(caller, request, rules, node.clock())


def may_search(node: Node, gathered: Gathered) -> bool:
    return bool(node.runtime.rules.current.visible(gathered.asked, {ALERTS}, node.clock()))


def events(node: Node, kind: str) -> list[dict[str, Any]]:
    found = recorded(node.runtime.store, kind)
    return [{"partner": row["partner"], "actor": row["actor"]} | row["details"] for row in found]


class TestJustification:
    @pytest.fixture
    def asking(self, node: Node) -> Node:
        """A node whose agreement wants both justifications where the purpose is crime."""
        sign(node, permit("search", "justify(case-reference justification)", CRIME_ONLY), HIT)
        return node

    def test_rule_kind_26_a_check_without_its_justification_is_refused_and_told_which(self, asking: Node) -> None:
        with pytest.raises(JustificationMissing) as refused:
            gather(asking)
        problem = problem_of(refused.value)
        assert (problem.status, problem.type) == (422, "urn:crosscheck:problem:justification-missing")
        assert [error.field for error in problem.errors or ()] == ["body.case_reference", "body.justification"]
        assert "treaty version 1, clause search" in problem.detail
        assert "case_reference and justification" in problem.hint

    @pytest.mark.parametrize("blank", [None, "  "])
    def test_rule_kind_26_one_of_two_is_not_enough_and_blanks_are_none(self, asking: Node, blank: str | None) -> None:
        given = {"case_reference": CASE} | ({} if not blank else {"justification": blank})
        with pytest.raises(JustificationMissing) as refused:
            gather(asking, **given)
        assert refused.value.fields == ("justification",)

    def test_rule_kind_26_with_its_justification_the_permit_counts(self, asking: Node) -> None:
        gathered = gather(asking, case_reference=CASE, justification="seen near the crime")
        assert gathered.asked.justified == {"case-reference", "justification"}
        assert may_search(asking, gathered)

    def test_rule_kind_26_another_purpose_is_not_asked_for_it(self, asking: Node) -> None:
        assert gather(asking, purpose="border-check").asked.justified == frozenset()

    def test_who_is_no_party_is_not_asked_for_it(self, node: Node) -> None:
        sign(node, permit("search", "justify(case-reference)"), HIT, parties=("xb", "xc"))
        assert gather(node).asked.justified == frozenset()


class TestAuthorisation:
    @pytest.fixture
    def closed(self, node: Node) -> Node:
        """A node whose owners want to be asked before anybody searches for a crime."""
        sign(node, permit("search", "owner-authorisation", CRIME_ONLY), HIT)
        return node

    def grant(self, node: Node, identifier: UUID | None = None, owner: str = "xb", **fields: Any) -> Response:
        until = (node.clock() + timedelta(days=30)).isoformat()
        body = {"partner": "xa", "purpose": "crime", "case_reference": CASE, "until": until} | fields
        return node.call(f"{owner}-sync", "PUT", f"/v1/authorisations/{identifier or uuid4()}", json=body)

    def test_rule_kind_2_an_owner_is_asked_once_for_each_case(self, closed: Node) -> None:
        for case in (CASE, CASE, OTHER_CASE):
            gathered = gather(closed, case_reference=case)
            assert not may_search(closed, gathered)
        asked = notices(closed, "xb", "authorisation-requested")
        assert [notice["text"] for notice in asked] == [CASE, OTHER_CASE]
        assert asked[0]["details"] == {"partner": "xa", "purpose": "crime", "exercise": False}
        assert [event["owners"] for event in events(closed, "authorisation-requested")] == [["xb"], ["xb"]]

    def test_rule_kind_2_only_the_authorised_case_is_searched(self, closed: Node) -> None:
        assert self.grant(closed).status_code == 201
        gathered = gather(closed, case_reference=CASE)
        assert gathered.asked.authorised_by == {"xb"}
        assert may_search(closed, gathered)
        assert notices(closed, "xb") == []
        for asked in ({"case_reference": OTHER_CASE}, {"case_reference": None}, {"case_reference": CASE.lower()}):
            assert not may_search(closed, gather(closed, **asked))

    def test_rule_kind_2_a_grant_is_for_one_partner_and_one_purpose(self, closed: Node) -> None:
        self.grant(closed, partner="xc")
        self.grant(closed, purpose="manhunt")
        self.grant(closed, owner="xa", partner="xb")
        assert gather(closed, case_reference=CASE).asked.authorised_by == frozenset()
        assert gather(closed, "xb", case_reference=CASE).asked.authorised_by == {"xa"}

    def test_rule_kind_2_without_a_case_nobody_is_asked(self, closed: Node) -> None:
        assert not may_search(closed, gather(closed))
        assert not may_search(closed, gather(closed, case_reference=" "))
        assert notices(closed, "xb") == []

    def test_rule_kind_2_what_is_asked_does_not_depend_on_entries(self, closed: Node) -> None:
        before = gather(closed, case_reference=CASE)
        closed.enrol("xb", "E-1", finger_number=1)
        assert gather(closed, case_reference=CASE) == before
        assert len(notices(closed, "xb")) == 1

    def test_rule_kind_2_a_grant_ends_in_time_or_when_it_is_withdrawn(self, closed: Node) -> None:
        grant = uuid4()
        self.grant(closed, grant)
        closed.clock.turn(timedelta(days=31))
        assert gather(closed, case_reference=CASE).asked.authorised_by == frozenset()

        assert self.grant(closed, grant).status_code == 200
        assert gather(closed, case_reference=CASE).asked.authorised_by == {"xb"}
        for _ in range(2):
            assert closed.call("xb-sync", "DELETE", f"/v1/authorisations/{grant}").status_code == 204
        assert gather(closed, case_reference=CASE).asked.authorised_by == frozenset()
        assert len(events(closed, "authorisation-withdrawn")) == 1

    def test_rule_kind_2_grants_and_their_end_are_on_record_in_the_name_of_who_gave_them(self, closed: Node) -> None:
        grant, until = uuid4(), closed.clock() + timedelta(days=365) - timedelta(seconds=5)
        assert self.grant(closed, grant, until=until.isoformat()).status_code == 201
        closed.call("xb-sync", "DELETE", f"/v1/authorisations/{grant}")
        by = {"partner": "xb", "actor": "xb-sync", "authorisation": str(grant)}
        (granted,) = recorded(closed.runtime.store, "authorisation-granted")
        assert granted["details"] == {
            "authorisation": str(grant),
            "partner": "xa",
            "purpose": "crime",
            "exercise": False,
            "until": until.isoformat(),
        }
        assert (granted["partner"], granted["actor"]) == ("xb", "xb-sync")
        assert events(closed, "authorisation-withdrawn") == [by]

    def test_rule_kind_2_a_request_is_on_record_in_the_name_of_the_asker(self, closed: Node) -> None:
        gather(closed, case_reference=CASE)
        by = {"partner": "xa", "actor": "xa-terminal"}
        assert events(closed, "authorisation-requested") == [
            by | {"owners": ["xb"], "purpose": "crime", "exercise": False}
        ]

    def test_rule_kind_2_an_owner_is_asked_again_once_it_has_withdrawn_its_grant(self, closed: Node) -> None:
        grant = uuid4()
        gather(closed, case_reference=CASE)
        self.grant(closed, grant)
        gather(closed, case_reference=CASE)
        closed.call("xb-sync", "DELETE", f"/v1/authorisations/{grant}")
        gather(closed, case_reference=CASE)
        assert len(notices(closed, "xb", "authorisation-requested")) == 2

    def test_an_owner_is_asked_again_once_its_grant_has_ended(self, closed: Node) -> None:
        gather(closed, case_reference=CASE)
        self.grant(closed)
        closed.clock.turn(timedelta(days=31))
        for _ in range(2):
            gather(closed, case_reference=CASE)
        assert len(notices(closed, "xb", "authorisation-requested")) == 2

    def test_an_exercise_is_told_as_one(self, closed: Node) -> None:
        gather(closed, case_reference=CASE, exercise=True)
        gather(closed, case_reference=CASE)
        assert [notice["details"]["exercise"] for notice in notices(closed, "xb")] == [True, False]

    def test_case_references_lie_on_disk_as_digests_and_sealed(self, closed: Node) -> None:
        gather(closed, case_reference=OTHER_CASE)
        self.grant(closed)
        stored = b"".join(path.read_bytes() for path in closed.home.rglob("*") if path.is_file())
        assert b"authorisation-granted" in stored
        assert CASE.encode() not in stored
        assert OTHER_CASE.encode() not in stored

    @pytest.mark.parametrize("days", [-1, 0, 366])
    def test_a_grant_ends_within_a_year(self, closed: Node, days: int) -> None:
        until = (closed.clock() + timedelta(days=days)).isoformat()
        response = self.grant(closed, until=until)
        assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "body.until")

    def test_a_grant_may_last_a_year_to_the_last_moment_and_must_last_for_one(self, closed: Node) -> None:
        node, now = closed.runtime, closed.clock()
        grants = Authorisations(node.store.engine, node.store.keys, node.notices, lambda: now)
        owner, case = Caller("xb", Role.SYNC, "xb-sync"), Case("xa", "crime", CASE)
        instant = timedelta(microseconds=1)
        for until in (now + timedelta(days=365), now + instant):
            assert grants.grant(owner, uuid4(), case, until)
        for until in (now + timedelta(days=365) + instant, now):
            with pytest.raises(UntilOutOfRange):
                grants.grant(owner, uuid4(), case, until)

    def test_rule_kind_2_machines_and_people_of_an_owner_grant_and_its_terminals_do_not(self, closed: Node) -> None:
        grants, until = closed.runtime.authorisations, closed.clock() + timedelta(days=30)
        for role in (Role.SYNC, Role.REVIEWER):
            assert grants.grant(Caller("xb", role, "somebody"), uuid4(), Case("xa", "crime", CASE), until)
        with pytest.raises(WrongRole):
            grants.grant(Caller("xb", Role.TERMINAL, "somebody"), uuid4(), Case("xa", "crime", CASE), until)

    def test_only_the_owner_withdraws_its_grant(self, closed: Node) -> None:
        grant = uuid4()
        self.grant(closed, grant)
        withdrawn = closed.call("xa-sync", "DELETE", f"/v1/authorisations/{grant}")
        assert (withdrawn.status_code, withdrawn.json()["type"]) == (
            404,
            "urn:crosscheck:problem:unknown-authorisation",
        )
        assert closed.call("xb-terminal", "DELETE", f"/v1/authorisations/{grant}").status_code == 403
        assert gather(closed, case_reference=CASE).asked.authorised_by == {"xb"}


class TestEmergency:
    @pytest.fixture
    def four(self, node: Node) -> Node:
        """A node where XA, XB and XC have an emergency clause; with XD they have an agreement without one."""
        for name in ("xc", "xd"):
            node.runtime.store.add_partner(Partner(name, name))
        rules = permit("search", "notify-owner, always-review", "context.emergency"), HIT
        sign(node, *rules, name="urgent", parties=("xa", "xb", "xc"))
        sign(node, permit("search"), HIT, name="calm", parties=("xa", "xd"), purposes='["asylum"]')
        return node

    def declare(
        self, node: Node, identifier: UUID, who: str = "xa-reviewer", hours: float = 2, **fields: Any
    ) -> Response:
        until = (node.clock() + timedelta(hours=hours)).isoformat()
        body = {"justification": "attack on the ferry", "until": until} | fields
        return node.call(who, "PUT", f"/v1/emergencies/{identifier}", json=body)

    def told(self, node: Node, partner: str) -> list[tuple[str, str | None]]:
        caller = Caller(partner, Role.REVIEWER, partner)
        return [(notice.kind.value, notice.text) for notice in node.runtime.notices.of(caller, 0, 10, node.clock())]

    def test_rule_kind_35_a_declared_emergency_opens_what_waits_for_one(self, four: Node) -> None:
        emergency = uuid4()
        assert not may_search(four, gather(four))
        assert self.declare(four, emergency).status_code == 201
        assert may_search(four, gather(four, emergency=str(emergency)))
        assert not may_search(four, gather(four))

    def test_rule_kind_35_every_partner_concerned_is_told_at_once_and_why(self, four: Node) -> None:
        self.declare(four, uuid4())
        expected = [("emergency-declared", "attack on the ferry")]
        assert [self.told(four, partner) for partner in ("xa", "xb", "xc", "xd")] == [[], expected, expected, []]
        (event,) = events(four, "emergency-declared")
        assert (event["partner"], event["actor"], event["told"]) == ("xa", "xa-reviewer", ["xb", "xc"])
        about = {key: event[key] for key in ("emergency", "until")}
        assert [notice["details"] for notice in notices(four, "xb")] == [about | {"partner": "xa"}]

    def test_rule_kind_35_its_beginning_and_its_end_are_on_record(self, four: Node) -> None:
        emergency, until = uuid4(), four.clock() + timedelta(hours=1)
        self.declare(four, emergency, until=until.isoformat())
        four.call("xa-reviewer", "DELETE", f"/v1/emergencies/{emergency}")
        by = {"partner": "xa", "actor": "xa-reviewer", "emergency": str(emergency)}
        declared = by | {"until": until.isoformat(), "told": ["xb", "xc"]}
        assert events(four, "emergency-declared") == [declared]
        assert events(four, "emergency-ended") == [by]

    def test_rule_kind_35_it_ends_in_time_or_when_a_supervisor_ends_it(self, four: Node) -> None:
        first, second = uuid4(), uuid4()
        self.declare(four, first)
        four.clock.turn(timedelta(hours=2, seconds=1))
        self.refused(four, first)

        self.declare(four, second)
        for _ in range(2):
            assert four.call("xa-reviewer", "DELETE", f"/v1/emergencies/{second}").status_code == 204
        self.refused(four, second)
        assert len(events(four, "emergency-ended")) == 1

    def refused(self, node: Node, emergency: UUID, asker: str = "xa") -> None:
        with pytest.raises(EmergencyNotActive) as refused:
            gather(node, asker, emergency=str(emergency))
        assert problem_of(refused.value).status == 422

    def test_rule_kind_35_an_emergency_is_that_of_one_partner(self, four: Node) -> None:
        emergency = uuid4()
        self.declare(four, emergency)
        self.refused(four, emergency, "xb")
        self.refused(four, uuid4())

    @pytest.mark.parametrize("hours", [-0.1, 4.1])
    def test_rule_kind_35_it_is_declared_for_hours_at_most(self, four: Node, hours: float) -> None:
        response = self.declare(four, uuid4(), hours=hours)
        assert (response.status_code, response.json()["type"]) == (422, "urn:crosscheck:problem:until-out-of-range")
        assert self.told(four, "xb") == []

    def test_rule_kind_35_it_may_last_as_long_as_is_allowed_to_the_last_moment(self, four: Node) -> None:
        node, now, instant = four.runtime, four.clock(), timedelta(microseconds=1)
        longest = timedelta(hours=4)
        declared = Emergencies(
            node.store.engine, node.store.keys, node.notices, lambda: node.rules.current, longest, lambda: now
        )
        supervisor = Caller("xa", Role.REVIEWER, "ada")
        for until in (now + longest, now + instant):
            identifier = uuid4()
            emergency, is_new = declared.declare(supervisor, identifier, "attack on the ferry", until)
            assert is_new
            assert (emergency.partner, emergency.id, emergency.until) == ("xa", identifier, until)
            assert declared.active("xa", identifier, until - instant)
            assert not declared.active("xa", identifier, until)
        for until in (now + longest + instant, now):
            with pytest.raises(UntilOutOfRange):
                declared.declare(supervisor, uuid4(), "attack on the ferry", until)

    def test_rule_kind_35_only_a_supervisor_declares_and_only_with_a_justification(self, four: Node) -> None:
        assert self.declare(four, uuid4(), "xa-sync").status_code == 403
        assert self.declare(four, uuid4(), "xa-terminal").status_code == 403
        assert self.declare(four, uuid4(), justification="").status_code == 422

    def test_declaring_it_again_tells_nobody_twice(self, four: Node) -> None:
        emergency, until = uuid4(), (four.clock() + timedelta(hours=1)).isoformat()
        statuses = [self.declare(four, emergency, until=until).status_code for _ in range(2)]
        assert (statuses, len(self.told(four, "xb"))) == ([201, 200], 1)

    def test_an_id_serves_one_emergency(self, four: Node) -> None:
        emergency, until = uuid4(), (four.clock() + timedelta(hours=1)).isoformat()
        self.declare(four, emergency, until=until)
        assert self.declare(four, emergency, until=until, justification="another").status_code == 409
        assert self.declare(four, emergency, hours=3).status_code == 409
        four.call("xa-reviewer", "DELETE", f"/v1/emergencies/{emergency}")
        assert self.declare(four, emergency, until=until).status_code == 409

    def test_ending_what_was_never_declared_is_no_success(self, four: Node) -> None:
        assert four.call("xa-reviewer", "DELETE", f"/v1/emergencies/{uuid4()}").status_code == 404

    def test_the_justification_lies_sealed_on_disk(self, four: Node) -> None:
        self.declare(four, uuid4())
        stored = b"".join(path.read_bytes() for path in four.home.rglob("*") if path.is_file())
        assert b"emergency-declared" in stored
        assert b"attack on the ferry" not in stored


class TestQuota:
    @pytest.fixture
    def limited(self, node: Node) -> Node:
        """A node whose agreement allows two searches a day for a crime."""
        sign(node, permit("search", "quota(2)", CRIME_ONLY), HIT)
        return node

    def test_rule_kind_27_searches_are_counted_down_to_none(self, limited: Node) -> None:
        gathered = [gather(limited) for _ in range(4)]
        assert [each.quotas[0].left for each in gathered] == [1, 0, 0, 0]
        assert [may_search(limited, each) for each in gathered] == [True, True, False, False]
        assert gathered[2].asked.exhausted == {"treaty"}
        assert (gathered[0].quotas[0].agreement, gathered[0].quotas[0].limit) == ("treaty", 2)

    def test_rule_kind_27_the_next_day_is_full_again(self, limited: Node) -> None:
        spent = [gather(limited) for _ in range(3)]
        resets_at = spent[-1].quotas[0].resets_at
        tomorrow = (limited.clock().astimezone(UTC) + timedelta(days=1)).date()
        assert resets_at == datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC)
        limited.clock.turn(resets_at - limited.clock())
        assert gather(limited).quotas[0].left == 1

    def test_rule_kind_27_days_are_those_of_utc_wherever_the_node_stands(
        self, limited: Node, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        quotas, limits = Quotas(limited.runtime.store.engine), (quota("one", 25),)
        evening = datetime(2026, 11, 22, 23, 30, tzinfo=timezone(-timedelta(hours=2)))
        monkeypatch.setenv("TZ", "XYZ+12")
        time.tzset()
        try:
            spent = [quotas.spend("xa", limits, at).left[0] for at in (evening, evening + timedelta(hours=22))]
            quotas.forget(evening + timedelta(hours=23))
        finally:
            monkeypatch.undo()
            time.tzset()
        assert [each.left for each in spent] == [24, 23]
        assert spent[0].resets_at == datetime(2026, 11, 24, tzinfo=UTC)
        assert self.counted(limited) == 1

    def test_rule_kind_27_each_partner_has_its_own(self, limited: Node) -> None:
        for _ in range(3):
            gather(limited)
        assert gather(limited, "xb").quotas[0].left == 1

    def test_rule_kind_27_a_check_that_is_refused_costs_nothing(self, node: Node) -> None:
        sign(node, permit("search", "quota(2), justify(case-reference)"), HIT)
        for _ in range(3):
            with pytest.raises(JustificationMissing):
                gather(node)
        assert gather(node, case_reference=CASE).quotas[0].left == 1

    def test_rule_kind_27_without_a_quota_nothing_is_counted(self, limited: Node) -> None:
        assert gather(limited, purpose="asylum").quotas == ()
        assert self.counted(limited) == 0

    def counted(self, node: Node) -> int:
        with node.runtime.store.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(quota_uses)).scalar_one()

    def test_rule_kind_27_spenders_at_once_never_get_one_too_many(self, node: Node) -> None:
        limits = (quota("one", 25), quota("other", 40))
        spend = self.spending(node, limits)
        with ThreadPoolExecutor(8) as threads:
            spent = list(threads.map(lambda _: spend(), range(60)))
        assert sum("one" not in each for each in spent) == 25
        assert sum("other" not in each for each in spent) == 40

    def spending(self, node: Node, limits: tuple[Quota, ...]) -> Callable[[], frozenset[str]]:
        quotas, now = Quotas(node.runtime.store.engine), node.clock()
        return lambda: quotas.spend("xa", limits, now).exhausted

    def test_counts_of_past_days_are_forgotten(self, limited: Node) -> None:
        gather(limited)
        limited.clock.turn(timedelta(days=1))
        limited.runtime.keep_house()
        assert self.counted(limited) == 1
        limited.clock.turn(timedelta(days=1))
        limited.runtime.keep_house()
        assert self.counted(limited) == 0


def quota(agreement: str, limit: int) -> Quota:
    return Quota(agreement, limit, Clause(agreement, 1, "search"))


def test_the_request_says_who_asks_for_which_state_and_authority(node: Node) -> None:
    caller = Caller("xa", Role.TERMINAL, "gate", authority="border-guard", country="xq")
    request = MatchRequest.model_validate(node.request(finger_number=1, case_reference=CASE, exercise=True))
    asked = node.runtime.preconditions.gather(caller, request, node.runtime.rules.current, node.clock()).asked
    assert (asked.partner, asked.role, asked.authority, asked.country) == ("xa", "terminal", "border-guard", "xq")
    assert (asked.purpose, asked.case_reference, asked.checkpoint) == ("border-check", CASE, "XA-GATE-07")
    assert (asked.exercise, asked.emergency, sorted(asked.justified)) == (True, False, ["case-reference"])


def test_what_is_to_be_logged_is_gathered_too(node: Node) -> None:
    sign(node, permit("search", "log-for(3 y), log-review-every(26 w)"), HIT)
    assert gather(node).log_terms.texts == ("log-for(3 y)", "log-review-every(26 w)")
