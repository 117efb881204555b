"""The audit log: heads and proofs of the one tree, and the entries of the caller's own partner."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from service.api.dependencies import AUTHENTICATED, CurrentCaller, CurrentRuntime, problems
from service.api.messages import Message, Moment, ReceiptMessage
from service.audit import Head
from service.audit.access import may_countersign, may_read_heads
from service.audit.entries import PayloadState
from service.identity import require
from service.roles import Role

MOST_AT_ONCE = 500
_HEADS = tuple(role for role in Role if may_read_heads(role))
_COUNTERSIGNERS = tuple(role for role in Role if may_countersign(role))

router = APIRouter(prefix="/v1/audit", tags=["audit log"], dependencies=AUTHENTICATED)

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 in hexadecimal")]
Signature = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$", description="Ed25519 in hexadecimal")]
Size = Annotated[int, Path(ge=0, lt=2**63, examples=[4711])]


class HeadMessage(BaseModel):
    """A signed head of the tree. Keep it: the log can be held against it for ever."""

    log: str = Field(description="Id of the key that signed")
    size: int
    root: Hash
    at: str = Field(examples=["2026-11-22T09:30:00.123456Z"])
    parts: Hash | None = Field(
        default=None,
        description="Root of the tree of the parts; null, and not signed, in heads of before there were any",
    )
    signature: Signature


class CountersignatureMessage(BaseModel):
    partner: str
    public: Hash = Field(description="Ed25519 public key in hexadecimal")
    signature: Signature


class WitnessedHeadMessage(HeadMessage):
    countersignatures: list[CountersignatureMessage]


class CountersignatureBody(Message):
    """The signature of a head that was checked against the last one that the partner knew."""

    public: Hash
    signature: Signature


class EntryMessage(BaseModel):
    """An entry of the log."""

    number: int = Field(description="From 1, among those of all partners")
    at: str
    kind: str = Field(examples=["check-answered"])
    partner: str | None
    keep_until: str | None = Field(description="When the payload is deleted; null if it is kept")
    commitment: Hash = Field(description="SHA-256 of the payload")
    receipt: ReceiptMessage
    payload_state: PayloadState
    payload: str | None = Field(description="Who and what: JSON in one text, as the log commits to it")


class EntriesMessage(BaseModel):
    entries: list[EntryMessage]


class InclusionMessage(BaseModel):
    entry: EntryMessage
    head: HeadMessage
    proof: list[Hash]


class ConsistencyMessage(BaseModel):
    first: HeadMessage
    second: HeadMessage
    proof: list[Hash]


class PartMessage(BaseModel):
    partner: str
    size: int = Field(description="How many entries were done in its name")
    root: Hash = Field(description="Of the tree over these")


class ProvedPartMessage(BaseModel):
    """What a signed head says of the part of the log that concerns a partner."""

    part: PartMessage
    head: HeadMessage
    place: int = Field(description="Of the part among those of the head, from 0")
    count: int = Field(description="Parts of the head")
    proof: list[Hash]


class KeysMessage(BaseModel):
    keys: dict[str, Hash] = Field(description="Ed25519 public keys in hexadecimal, by id")


@router.get("/keys", responses=problems(401, 403, 503))
def list_keys(caller: CurrentCaller, runtime: CurrentRuntime) -> KeysMessage:
    """List the keys that the log is signed with. Compare them with what the operator has told you by another way."""
    require(caller, *_HEADS)
    return KeysMessage(keys=dict(runtime.audit.public_keys()))


@router.get("/heads/latest", responses=problems(401, 403, 404, 503))
def latest_head(caller: CurrentCaller, runtime: CurrentRuntime) -> WitnessedHeadMessage:
    """Return the newest signed head; there is a new one within seconds of a new entry."""
    require(caller, *_HEADS)
    return _witnessed(runtime, runtime.audit.heads.latest())


@router.get("/heads/{size}", responses=problems(401, 403, 404, 422, 503))
def head_of_size(size: Size, caller: CurrentCaller, runtime: CurrentRuntime) -> WitnessedHeadMessage:
    """Return the head that was signed when the tree had that size."""
    require(caller, *_HEADS)
    return _witnessed(runtime, runtime.audit.heads.of_size(size))


@router.post("/heads/{size}/countersignatures", status_code=204, responses=problems(400, 401, 403, 404, 413, 422, 503))
def countersign(size: Size, body: CountersignatureBody, caller: CurrentCaller, runtime: CurrentRuntime) -> None:
    """Hand in that the caller's partner has checked this head. Good once; the same again changes nothing."""
    require(caller, *_COUNTERSIGNERS)
    signature, now = bytes.fromhex(body.signature), runtime.checks.clock()
    runtime.audit.heads.countersign(caller.partner, size, body.public, signature, now)


@router.get("/events", responses=problems(401, 403, 422, 503))
async def list_events(
    caller: CurrentCaller,
    runtime: CurrentRuntime,
    after: Annotated[int, Query(ge=0, lt=2**63, description="Number of the last entry that is known")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 100,
) -> EntriesMessage:
    """List the entries of the caller's partner, in order. Ask again with the last number until the list is empty."""
    require(caller, Role.AUDITOR)
    found = await runtime.owner_work.run(runtime.audit.desk.entries, caller, after, limit, runtime.checks.clock())
    return EntriesMessage(entries=[EntryMessage.model_validate(entry.plain()) for entry in found])


@router.get("/part", responses=problems(401, 403, 404, 503))
async def prove_part(caller: CurrentCaller, runtime: CurrentRuntime) -> ProvedPartMessage:
    """Return how many entries of the caller's partner there are by the newest head, and the root of the tree over them.

    Whoever lists the entries reckons that root, and knows that none was left out.
    """
    require(caller, Role.AUDITOR)
    proved = await runtime.owner_work.run(runtime.audit.heads.part, caller.partner)
    return ProvedPartMessage.model_validate(proved.plain())


@router.get("/proof/inclusion", responses=problems(401, 403, 404, 422, 503))
async def prove_inclusion(
    caller: CurrentCaller,
    runtime: CurrentRuntime,
    leaf: Annotated[str, Query(pattern=r"^[0-9a-f]{64}$", description="`leaf` of a receipt")],
    at: Annotated[Moment, Query(description="`at` of the receipt")],
    size: Annotated[int | None, Query(ge=1, lt=2**63, description="Of the head; the newest if left out")] = None,
) -> InclusionMessage:
    """Return an entry of the caller's partner, with the proof that it is in the tree of a signed head."""
    require(caller, Role.AUDITOR)
    desk, now = runtime.audit.desk, runtime.checks.clock()
    proved = await runtime.owner_work.run(desk.proved, caller, bytes.fromhex(leaf), at, size, now)
    return InclusionMessage.model_validate(proved.plain())


@router.get("/proof/consistency", responses=problems(401, 403, 404, 422, 503))
async def prove_consistency(
    caller: CurrentCaller,
    runtime: CurrentRuntime,
    first: Annotated[int, Query(ge=0, lt=2**63, description="Size of the head that is known")],
    second: Annotated[int, Query(ge=0, lt=2**63, description="Size of a later head")],
) -> ConsistencyMessage:
    """Prove that the tree of one signed head is the beginning of that of another."""
    require(caller, *_HEADS)
    heads = runtime.audit.heads
    steps = await runtime.owner_work.run(heads.consistency, first, second)
    proof = [step.hex() for step in steps]
    return ConsistencyMessage(first=_head(heads.of_size(first)), second=_head(heads.of_size(second)), proof=proof)


def _witnessed(runtime: CurrentRuntime, head: Head) -> WitnessedHeadMessage:
    signed = [
        CountersignatureMessage(partner=each.partner, public=each.public, signature=each.signature.hex())
        for each in runtime.audit.heads.countersignatures(head.size)
    ]
    return WitnessedHeadMessage.model_validate(head.plain() | {"countersignatures": signed})


def _head(head: Head) -> HeadMessage:
    return HeadMessage.model_validate(head.plain())
