"""Templates that are like far too many people: at a search they would be found whoever stands there.

In the words of the literature they are hubs (M. Radovanovic et al., Journal of Machine Learning Research 11, 2010), and
those who bring them about wolves (G. Doddington et al., ICSLP 1998).

Fingers need no such test: a template with 200 minutiae strewn at random, on a grid, or of up to five fingers laid over
each other scores below 1.2 against each of 60 generated fingers, as other strangers do. One with several people's
fingers side by side is like those people, and is met where an entry is compared with the others of its owner.
"""

from __future__ import annotations

import base64
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models import calibration

_MODEL: Final = "dlib-sface-1"
# float16, little-endian
_AVERAGE_FACE: Final = np.frombuffer(
    base64.b64decode(
        "VqqfKUMn4qVnqgyg6p2qqp0sYKhkLjmkAbBBpVyiCSzLrOmr4auXqQ4gPSUJI9cgf6zxsIeoz6n4JuepESDnJtOte6ehI1YoeKZSqLsuSiCJrTId"
        "1SYMMHguohf3IuuorCtDsFQnhyxmK9EogCnPrAkheywYrt0oFSkBqtmlB6VBLdApH6qVrJItmqzdpQIp6aknrU6wSSUmMi8stK37HQ6pUKDJJKsk"
        "/agppuKpCCM2Lqeh16EBL1ggPZuzJZ4mu6svn1KrWaBmJtqqxh3XKcStmi3QobeiAJuGoS+pkBGdLQ2wuS6jLZMVWCw1KA8oeZJmmX2s76qpI32j"
        "FiIjJaupnaGqJq8jfyjpJbwgbiAIqCUfm6F7J4+aCw2KIr6hQ6jgobSrJhsmHiocByDeopoMkqOKnQefbQ8SoT2ezyccHaehKRqNGRuleCYlI+6c"
        "sSQopPOhrx+aI6SYZqZ8JSid4xkKpJYhZxolIQyhWKTCJLmjs6F7IY8aNyjOq2GX0yPGoQMgzaHzHz6iHSiioH8V1qT8JfWlwKEensKoDxpzo7Ed"
        "n6REHPmm8I7MJQ6hj51onxURrCW2KFEkN6XZpJoOJyfdoRIbHhpMommk4aisnlWmMZzxH3UnyqRRJ4WkjaQxmIso5SX4pCGdbB9xnxyj8aQ5KBqh"
        "jya3pi6k0iI="
    ),
    "<f2",
).astype(np.float32)
"""The mean of the vectors of 420 people, each the mean of that person's images in LFW. Nobody's face."""


def is_like_everybody(model: str, vector: NDArray[np.float32]) -> bool:
    """Whether a face is like too many people to be enrolled.

    Its inner product with the average face is its mean similarity to all people. Of an embedding that this version does
    not know nothing is said, and the answer is False.

    Args:
        model: name of the embedding.
        vector: float32 (dimension,), of length 1.
    """
    if model != _MODEL or vector.shape != _AVERAGE_FACE.shape:
        return False
    return float(vector @ _AVERAGE_FACE) >= calibration.FACE_HUB_LIMIT
