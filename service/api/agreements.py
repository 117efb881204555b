"""The agreements that the caller's partner is a party to, as they are enforced here."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from service.api.dependencies import AUTHENTICATED, CurrentCaller, CurrentRuntime, problems
from watchlists.agreements import Agreement, Status
from watchlists.agreements.policies import Policy

router = APIRouter(prefix="/v1/agreements", tags=["agreements"], dependencies=AUTHENTICATED)


class RuleMessage(BaseModel):
    """One rule: a policy of `rules.cedar`."""

    id: str = Field(examples=["border-score"])
    cites: str | None = Field(description="The clause of the agreement that it enforces.", examples=["Art. 4(1)"])
    effect: str = Field(description="permit or forbid.", examples=["permit"])
    actions: list[str] = Field(examples=[["see score"]])
    obligations: list[str] = Field(examples=[["tlp-amber", "no-onward-transfer"]])
    text: str = Field(description="The rule in Cedar.")


class AgreementMessage(BaseModel):
    """One version of an agreement."""

    id: str = Field(examples=["xa-xb"])
    version: int = Field(examples=[1])
    title: str
    parties: list[str] = Field(examples=[["xa", "xb"]])
    in_force_from: datetime
    in_force_until: datetime | None
    supersedes: list[str] = Field(description="Versions that it puts an end to.", examples=[["xa-xb@1"]])
    status: Status
    purposes: list[str]
    categories: list[str]
    joint_desk: list[str] = Field(description="Parties whose reviewers share the flags that it alone decides on")
    rules: list[RuleMessage]


class AgreementsMessage(BaseModel):
    agreements: list[AgreementMessage]


@router.get("", responses=problems(401, 403, 503))
def list_agreements(caller: CurrentCaller, runtime: CurrentRuntime) -> AgreementsMessage:
    """List the agreements that the caller's partner is a party to, with their rules, and no others."""
    book, now = runtime.rules.current, runtime.checks.clock()
    return AgreementsMessage(
        agreements=[
            _agreement(agreement, book.status(agreement, now))
            for agreement in book.agreements
            if caller.partner in agreement.parties
        ]
    )


def _agreement(agreement: Agreement, status: Status) -> AgreementMessage:
    return AgreementMessage(
        id=agreement.id,
        version=agreement.version,
        title=agreement.title,
        parties=sorted(agreement.parties),
        in_force_from=agreement.in_force_from,
        in_force_until=agreement.in_force_until,
        supersedes=sorted(agreement.supersedes),
        status=status,
        purposes=sorted(agreement.purposes),
        categories=sorted(agreement.categories),
        joint_desk=sorted(agreement.joint_desk),
        rules=[_rule(policy) for policy in agreement.policies],
    )


def _rule(policy: Policy) -> RuleMessage:
    return RuleMessage(
        id=policy.id,
        cites=policy.cites,
        effect="permit" if policy.permits else "forbid",
        actions=sorted(policy.actions),
        obligations=[str(duty) for duty in policy.duties],
        text=policy.text,
    )
