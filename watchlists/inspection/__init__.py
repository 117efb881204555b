"""Does everything that is stored fit together? Reckoned anew from what is there, and nothing is changed."""

from watchlists.inspection.inspect import inspect
from watchlists.inspection.part import Flaw, Part

__all__ = ["Flaw", "Part", "inspect"]
