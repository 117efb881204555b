"""Nothing of a probe, and nothing legible of an entry, is found on disk or in the log, whatever happened."""

from __future__ import annotations

import base64
import json
import logging
from hashlib import sha256
from pathlib import Path

import pytest

from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from service.api.messages import MatchRequest
from service.commands.portraits import ENROLLED, PROBE
from service.conclusion import Submission
from service.identity import Caller
from service.roles import Role
from tests.service.images import blank_image
from tests.service.node import Node, entry

NAMES = ("Quillfeather", "Ottoline", "P-SPECIMEN-77")


def traces(data: bytes) -> list[bytes]:
    """What of `data` would betray it: slices of it, as bytes and as base64."""
    text = base64.b64encode(data)
    middle, third = len(data) // 2, len(text) // 3
    return [data[middle : middle + 24], data[-24:], text[third : third + 32], text[-40:-4]]


def stored_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_disk_and_log_hold_nothing_of_a_person(
    node: Node, portraits: dict[str, bytes], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger("crosscheck").propagate = True
    caplog.set_level(logging.DEBUG)
    subject = {"family_name": NAMES[0], "given_names": NAMES[1], "documents": [NAMES[2]]}
    node.enrol("xb", "E-1", portrait=portraits[ENROLLED], finger_number=1, subject=subject)
    assert node.check("xa", portrait=portraits[PROBE], finger_number=1)["outcome"] == "flagged"
    assert node.check("xb", portrait=portraits[PROBE])["candidates"][0]["subject"]["family_name"] == NAMES[0]
    node.send("xa", node.request(portrait=portraits[PROBE][:5000]))
    node.send("xa", node.request(portrait=blank_image(), extra=NAMES[0]))
    node.import_lines("xb", [json.dumps({"entry_id": "x", NAMES[1]: 1} | entry(finger_number=1)).encode()])
    node.withdraw("xb", "E-1")

    output = capfd.readouterr()
    seen = stored_bytes(node.home) + caplog.text.encode() + output.out.encode() + output.err.encode()
    assert b"check-answered" in seen  # the search below looks where things are
    samples = [portraits[ENROLLED], portraits[PROBE], *(synthetic_template(1, i, Position.RIGHT_INDEX) for i in (0, 1))]
    legible = [trace for sample in samples for trace in traces(sample)] + [name.encode() for name in NAMES]
    assert [trace for trace in legible if trace in seen] == []


def test_embeddings_of_entries_are_not_legible_on_disk(node: Node, portraits: dict[str, bytes]) -> None:
    node.enrol("xb", "E-1", portrait=portraits[ENROLLED])
    vector = node.runtime.checks.encoder.faces.encode(portraits[ENROLLED]).vector
    assert vector is not None
    assert vector.tobytes()[:64] not in stored_bytes(node.home)


def test_errors_do_not_repeat_what_was_sent(node: Node) -> None:
    body = node.request(finger_number=1) | {NAMES[0]: 1, "captured_at": NAMES[1], "check_id": NAMES[2]}
    response = node.send("xa", body)
    assert response.status_code == 422
    assert [name for name in NAMES if name in response.text] == []


def test_a_parser_keeps_nothing_of_what_is_said_of_a_person(node: Node) -> None:
    body = json.dumps(node.request(finger_number=1, purpose="crime") | {"case_reference": "the case of Ada Example"})
    first, again = (MatchRequest.model_validate_json(body).case_reference for _ in range(2))
    assert first == again
    assert first is not again


def test_no_digest_of_a_probe_that_has_no_key_is_kept_or_shown(node: Node, portraits: dict[str, bytes]) -> None:
    """Whoever saw one could test guesses of the probe against it."""
    request = node.request(portrait=portraits[PROBE])
    body, headers = json.dumps(request).encode(), {"content-type": "application/json"}
    assert node.call("xa-terminal", "POST", "/v1/match", content=body, headers=headers).status_code == 200
    digests = [sha256(body).digest(), sha256(portraits[PROBE]).digest()]
    stored = stored_bytes(node.home)
    assert not any(form in stored for digest in digests for form in (digest, digest.hex().encode()))
    caller = Caller("xa", Role.TERMINAL, "xa-terminal")
    assert str(digests[0]) not in repr(Submission(caller, MatchRequest.model_validate(request), digests[0]))
