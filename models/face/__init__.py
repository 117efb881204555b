"""Face images in, vectors out: detect, choose, judge, align, embed."""

from models.face.embed import EmbeddingPlan, embedding_plan
from models.face.encoder import FaceEncoder, FaceSample

__all__ = ["EmbeddingPlan", "FaceEncoder", "FaceSample", "embedding_plan"]
