"""A check over HTTP: who is found, what is disclosed of them, and what stays the same."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from models.samples import Position
from service.commands.portraits import ENROLLED, OTHER, PROBE
from tests.service.images import blank_image
from tests.service.node import Node, entry, finger
from tests.service.scene import without_receipt

ON_BOTH_DATABASES = True
WANTED, STRANGER = 1, 2
HIDDEN_BELOW_SCORE = ("reference", "alert", "subject")


@pytest.fixture
def wanted(node: Node, portraits: dict[str, bytes]) -> Node:
    """A node where XB looks for one person, known by face and finger."""
    node.enrol("xb", "E-1", portrait=portraits[ENROLLED], finger_number=WANTED)
    return node


def test_a_wanted_person_is_flagged_with_the_fields_of_the_agreement(wanted: Node, portraits: dict[str, bytes]) -> None:
    answer = wanted.check("xa", portrait=portraits[PROBE], finger_number=WANTED)

    assert (answer["outcome"], answer["complete"]) == ("flagged", True)
    assert answer["flag_id"] is not None
    (candidate,) = answer["candidates"]
    assert (candidate["owner"], candidate["level"]) == ("xb", "score")
    assert candidate["score"] >= 5
    assert candidate["band"] in {"strong", "very-strong"}
    assert [candidate[field] for field in HIDDEN_BELOW_SCORE] == [None, None, None]
    assert candidate["decided_by"] == [
        {"agreement": "xa-xb", "version": 1, "clause": clause, "cites": article}
        for clause, article in (("border-search", "Art. 3(1)"), ("border-score", "Art. 4(1)"))
    ]
    assert "tlp-amber" in candidate["handling"]


@pytest.mark.parametrize("modality", ["portrait", "finger_number"])
def test_one_modality_is_enough(wanted: Node, portraits: dict[str, bytes], modality: str) -> None:
    samples = {"portrait": portraits[PROBE], "finger_number": WANTED}
    answer = wanted.check("xa", **{modality: samples[modality]})
    assert answer["outcome"] == "flagged"


def test_a_spoilt_finger_does_not_hide_a_face(wanted: Node, portraits: dict[str, bytes]) -> None:
    answer = wanted.check("xa", portrait=portraits[PROBE], finger_number=STRANGER)
    assert answer["outcome"] == "flagged"


@pytest.mark.parametrize("name", [OTHER, "astronaut.png"])
def test_a_person_on_nobodys_list_comes_back_clean(wanted: Node, portraits: dict[str, bytes], name: str) -> None:
    answer = wanted.check("xa", portrait=portraits[name], finger_number=STRANGER)
    assert (answer["outcome"], answer["complete"]) == ("no-candidates", True)
    assert (answer["flag_id"], answer["candidates"]) == (None, [])


def test_asylum_sees_that_there_is_a_hit_and_nothing_else(wanted: Node, portraits: dict[str, bytes]) -> None:
    answer = wanted.check("xa", portrait=portraits[PROBE], purpose="asylum")
    (candidate,) = answer["candidates"]
    assert candidate["level"] == "hit"
    assert [candidate[field] for field in ("score", "band", *HIDDEN_BELOW_SCORE)] == [None] * 5


def test_the_owner_sees_its_own_entry_whole(wanted: Node, portraits: dict[str, bytes]) -> None:
    answer = wanted.check("xb", portrait=portraits[PROBE])
    (candidate,) = answer["candidates"]
    assert candidate["level"] == "biographics"
    assert candidate["reference"] == "xb-alerts/E-1"
    assert candidate["alert"] == {"category": "wanted", "action": "inform-officer"}
    assert candidate["subject"]["family_name"] == "Quillfeather"


def test_another_purpose_looks_like_an_empty_world(wanted: Node, portraits: dict[str, bytes]) -> None:
    """Byte for byte: an answer about an entry that may not be seen is the answer where nobody matched."""
    check_id = "00000000-0000-4000-8000-000000000001"
    hidden = wanted.send("xa", wanted.request(portrait=portraits[PROBE], finger_number=WANTED, purpose="car-rental"))
    nobody = wanted.send("xa", wanted.request(portrait=portraits["astronaut.png"], finger_number=STRANGER))
    assert _without_check_id(hidden.content, check_id) == _without_check_id(nobody.content, check_id)
    assert hidden.headers.keys() == nobody.headers.keys()


def _without_check_id(content: bytes, check_id: str) -> bytes:
    return without_receipt(content).replace(json.loads(content)["check_id"].encode(), check_id.encode())


def test_a_withdrawn_entry_is_gone_from_the_next_check(wanted: Node, portraits: dict[str, bytes]) -> None:
    wanted.withdraw("xb", "E-1")
    answer = wanted.check("xa", portrait=portraits[PROBE], finger_number=WANTED)
    assert answer["outcome"] == "no-candidates"


def test_an_expired_entry_is_not_matched(node: Node, portraits: dict[str, bytes]) -> None:
    soon = (node.clock() + timedelta(hours=1)).isoformat()
    node.enrol("xb", "E-1", portrait=portraits[ENROLLED], expires_at=soon)
    assert node.check("xa", portrait=portraits[PROBE])["outcome"] == "flagged"
    node.clock.turn(timedelta(hours=2))
    assert node.check("xa", portrait=portraits[PROBE])["outcome"] == "no-candidates"


def test_a_restart_changes_no_answer(wanted: Node, portraits: dict[str, bytes]) -> None:
    repeated = wanted.request(portrait=portraits[PROBE], finger_number=WANTED)
    before = wanted.send("xa", repeated).json()
    fresh_before = wanted.check("xa", portrait=portraits[PROBE], finger_number=WANTED)
    wanted.restart()
    assert wanted.send("xa", repeated).json() == before
    fresh_after = wanted.check("xa", portrait=portraits[PROBE], finger_number=WANTED)
    assert _comparable(fresh_after) == _comparable(fresh_before)


def _comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is random in every answer."""
    candidates = [candidate | {"candidate_id": None} for candidate in answer["candidates"]]
    return answer | {"check_id": None, "flag_id": None, "receipt": None, "candidates": candidates}


def test_the_same_check_gets_the_same_answer(wanted: Node, portraits: dict[str, bytes]) -> None:
    body = wanted.request(portrait=portraits[PROBE])
    first = wanted.send("xa", body).json()
    wanted.withdraw("xb", "E-1")
    assert wanted.send("xa", body).json() == first


def test_a_check_id_cannot_serve_two_checks(wanted: Node, portraits: dict[str, bytes]) -> None:
    body = wanted.request(portrait=portraits[PROBE])
    wanted.send("xa", body)
    response = wanted.send("xa", body | {"purpose": "asylum"})
    assert response.status_code == 409
    assert response.json()["type"] == "urn:crosscheck:problem:check-conflict"


def test_the_same_said_in_other_bytes_is_another_body(wanted: Node, portraits: dict[str, bytes]) -> None:
    body = wanted.request(portrait=portraits[PROBE])
    assert wanted.send("xa", body).status_code == 200
    in_another_order = dict(reversed(body.items()))
    assert wanted.send("xa", in_another_order).status_code == 409


@pytest.mark.parametrize("media_type", ["application/json", "application/vnd.terminal+json"])
def test_a_body_is_known_again_whichever_way_it_was_read(
    wanted: Node, portraits: dict[str, bytes], media_type: str
) -> None:
    body = json.dumps(wanted.request(portrait=portraits[PROBE])).encode()
    answers = [
        wanted.call("xa-terminal", "POST", "/v1/match", content=body, headers={"content-type": kind})
        for kind in ("application/json", media_type)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


def test_partners_do_not_share_check_ids(wanted: Node, portraits: dict[str, bytes]) -> None:
    body = wanted.request(portrait=portraits["astronaut.png"])
    assert wanted.send("xa", body).status_code == 200
    assert wanted.send("xb", body | {"purpose": "asylum"}).status_code == 200


def test_an_unusable_face_leaves_the_answer_incomplete(wanted: Node) -> None:
    answer = wanted.check("xa", portrait=blank_image(), finger_number=STRANGER)
    assert (answer["outcome"], answer["complete"]) == ("incomplete", False)
    face_sample, finger_sample = answer["samples"]
    assert (face_sample["accepted"], finger_sample["accepted"]) == (False, True)
    assert face_sample["reasons"][0]["code"] == "no-face"
    assert face_sample["reasons"][0]["hint"]


def test_a_finger_is_not_compared_with_another_position(wanted: Node) -> None:
    thumb = finger(WANTED, impression=1, position=Position.LEFT_THUMB)
    assert wanted.check("xa", fingerprints=[thumb])["outcome"] == "no-candidates"


def test_a_finger_of_unknown_position_is_compared_with_all(wanted: Node) -> None:
    unknown = finger(WANTED, impression=1, position=Position.UNKNOWN)
    assert wanted.check("xa", fingerprints=[unknown])["outcome"] == "flagged"


def test_answers_say_up_to_which_change_they_searched(wanted: Node, portraits: dict[str, bytes]) -> None:
    before = wanted.check("xa", finger_number=STRANGER)["gallery_sequence"]
    written = wanted.put_entry("xb", "E-2", entry(finger_number=9)).json()
    assert written["sequence"] > before
    assert wanted.check("xa", finger_number=STRANGER)["gallery_sequence"] == written["sequence"]
