"""Agreements: the data-handling rules between partners, loaded, validated, decided and explained."""

from watchlists.agreements.decide import RuleBook
from watchlists.agreements.disclosure import Clause, Disclosure, FullCandidate, Level, MaskedCandidate, mask, tenths
from watchlists.agreements.facts import Request
from watchlists.agreements.holder import RuleBookHolder
from watchlists.agreements.load import Agreement, load_agreement, load_agreements
from watchlists.agreements.obligations import Obligation

__all__ = [
    "Agreement",
    "Clause",
    "Disclosure",
    "FullCandidate",
    "Level",
    "MaskedCandidate",
    "Obligation",
    "Request",
    "RuleBook",
    "RuleBookHolder",
    "load_agreement",
    "load_agreements",
    "mask",
    "tenths",
]
