"""Face images in, vectors out: detect, choose, judge, align, embed."""

from models.face.embed import EmbeddingPlan, embedding_plan
from models.face.encoder import FaceEncoder, FaceSample, FoundFace

__all__ = ["EmbeddingPlan", "FaceEncoder", "FaceSample", "FoundFace", "embedding_plan"]
