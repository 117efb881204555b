"""An attacker at a terminal with a valid token climbs towards an enrolled finger, over HTTP: without defences and with.

The courses are short and their seeds fixed; `crosscheck bench attack` runs the same attack longer.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from models.calibration import BAND_FLOORS, FACE, MINIMUM_FLAG_SCORE, Band
from models.fingerprint.encoder import encode_fingerprint
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from service.commands.attack import Defence, Target, check_body, record_of, true_score, with_decoys
from service.identity import Caller
from service.recent_probes import RecentProbes
from service.roles import Role
from tests.service.attack import OPEN, SEED, climb_at, node_with, probe, probing_events
from tests.service.node import NodeMaker, base64_of
from watchlists.records import Templates

pytestmark = pytest.mark.slow

CHECKS = 100
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
STRANGER = 99
VERY_STRONG = next(floor for floor, name in BAND_FLOORS if name is Band.VERY_STRONG)


@pytest.fixture(scope="module")
def target() -> Target:
    return Target.of(1)


def test_a_raw_score_leads_the_attacker_to_the_finger(make_node: NodeMaker, target: Target) -> None:
    course = climb_at(node_with(target, make_node, **OPEN), target, Defence.RAW, CHECKS)
    assert course.answered == CHECKS
    assert course.gain > 1.2  # the odds that it is a stranger's fall to a fifteenth


def test_the_coarser_the_score_the_slower_the_climb(make_node: NodeMaker, target: Target) -> None:
    node = node_with(target, make_node, **OPEN)
    gains = {form: climb_at(node, target, form, CHECKS).gain for form in (Defence.TENTHS, Defence.BAND, Defence.HIT)}
    assert gains[Defence.TENTHS] > 1
    assert max(gains[Defence.BAND], gains[Defence.HIT]) < 0.5 * gains[Defence.TENTHS]


@pytest.mark.parametrize("form", [Defence.RAW, Defence.HIT])
def test_a_budget_ends_the_climb_whatever_is_shown(make_node: NodeMaker, target: Target, form: Defence) -> None:
    node = node_with(target, make_node)
    course = climb_at(node, target, form, CHECKS)
    assert course.answered == 10
    assert course.gain < 0.5
    assert course.scores[-1] < VERY_STRONG


def test_a_refusal_says_when_to_come_back_and_leaves_an_event(make_node: NodeMaker, target: Target) -> None:
    node = node_with(target, make_node, probes_per_subject=2)
    assert [probe(node, target).status_code for _ in range(2)] == [200, 200]
    answer = probe(node, target)
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:crosscheck:problem:too-many-probes")
    assert "supervisor" in answer.json()["hint"]
    assert 0 < int(answer.headers["retry-after"]) <= 3600
    (event,) = probing_events(node)
    assert (event["scope"], event["budget"], event["checkpoint"]) == ("terminal", 2, "XA-GATE-07")
    metrics = node.call("xa-operator", "GET", "/metrics").text
    assert 'crosscheck_probing_suspected_total{scope="terminal"} 1.0' in metrics


def test_after_the_window_the_person_can_be_checked_again(make_node: NodeMaker, target: Target) -> None:
    node = node_with(target, make_node, probes_per_subject=1)
    assert probe(node, target).status_code == 200
    refused = probe(node, target)
    assert refused.status_code == 429
    node.clock.turn(timedelta(seconds=int(refused.headers["retry-after"])))
    assert probe(node, target).status_code == 200


def test_another_checkpoint_or_finger_name_is_no_way_round(make_node: NodeMaker, target: Target) -> None:
    node = node_with(target, make_node, probes_per_subject=1)
    assert probe(node, target).status_code == 200
    assert probe(node, target, checkpoint="XA-GATE-08").status_code == 429
    unknown = [{"template": base64_of(record_of(target.part, Position.UNKNOWN))}]
    assert probe(node, target, fingerprints=unknown).status_code == 429


def test_a_repeated_check_costs_nothing(make_node: NodeMaker, target: Target) -> None:
    node = node_with(target, make_node, probes_per_subject=2)
    body = dict(check_body(record_of(target.part), Defence.HIT.purpose, node.clock()))
    assert [node.send("xa", body).status_code for _ in range(5)] == [200] * 5
    assert probe(node, target).status_code == 200


def test_checks_at_the_same_moment_are_all_counted(make_node: NodeMaker, target: Target) -> None:
    node = node_with(target, make_node, probes_per_subject=3)
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: probe(node, target).status_code, range(8)))
    assert sorted(statuses) == [200] * 3 + [429] * 5


def test_the_terminals_of_a_partner_share_a_budget_and_partners_do_not(make_node: NodeMaker, target: Target) -> None:
    node = node_with(target, make_node, probes_per_subject_partner=1)
    assert probe(node, target).status_code == 200
    node.access.tokens["xa-terminal"] = node.runtime.authentication.tokens.issue(
        Caller("xa", Role.TERMINAL, "xa-second-terminal"), node.clock()
    )
    assert probe(node, target).status_code == 429
    assert node.send("xb", node.request(finger_number=target.number)).status_code == 200


def test_rule_kind_38_exercises_have_a_budget_of_their_own(make_node: NodeMaker, target: Target) -> None:
    node = node_with(target, make_node, probes_per_subject=1)
    statuses = [probe(node, target, exercise=exercise).status_code for exercise in (True, True, False, False)]
    assert statuses == [200, 429, 200, 429]


def test_the_budget_is_the_same_whether_somebody_is_on_a_list_or_not(make_node: NodeMaker, target: Target) -> None:
    node = node_with(target, make_node, probes_per_subject=3)
    stranger = node.request(finger_number=STRANGER)["fingerprints"]
    listed = [probe(node, target) for _ in range(5)]
    unlisted = [probe(node, target, fingerprints=stranger) for _ in range(5)]
    assert [answer.status_code for answer in listed] == [answer.status_code for answer in unlisted]
    assert listed[-1].json() == unlisted[-1].json()


@pytest.mark.parametrize("decoys", [4, 12])
def test_decoys_that_keep_probes_apart_keep_them_from_being_hits(target: Target, decoys: int) -> None:
    """Made-up minutiae, new ones with each probe, against a watch that remembers many others of the same terminal."""
    rng, recent = np.random.default_rng(SEED), RecentProbes(FACE, 5000)
    for number in range(500, 700):
        recent.remember(templates_of(synthetic_template(number, 0, Position.UNKNOWN)), "gate", NOW, set())
    hits = 0
    for _ in range(40):
        disguised = with_decoys(target.part, decoys, rng)
        probe = templates_of(record_of(disguised))
        chain = recent.chain_of(probe, "gate")
        if len(chain) < 10:
            recent.remember(probe, "gate", NOW, chain)
            hits += true_score(disguised, target.enrolled) >= MINIMUM_FLAG_SCORE
    assert hits <= 10


def templates_of(record: bytes) -> Templates:
    return Templates(fingers=encode_fingerprint(record, None).templates)
