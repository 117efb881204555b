"""Model files: what they are, how they are made once from their published sources, and their hashes, always checked."""

from models.weights.manifest import BUILT_IN, DLIB, SFACE, YUNET, ModelFile
from models.weights.operator import OperatorModel, Preparation, Use, load_operator_model
from models.weights.store import ModelStore

__all__ = [
    "BUILT_IN",
    "DLIB",
    "SFACE",
    "YUNET",
    "ModelFile",
    "ModelStore",
    "OperatorModel",
    "Preparation",
    "Use",
    "load_operator_model",
]
