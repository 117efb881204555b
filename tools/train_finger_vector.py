"""Train the network of `models/fingerprint/vector.py` on generated fingers, and write its weights.

    pip install torch numba numpy
    python tools/train_finger_vector.py models/fingerprint/vector.npz --seconds 325

The weights in the tree come from one NVIDIA H100: 5,109 steps of 1,536 pairs of impressions in 325 seconds, drawn from
1.5 million fingers. Torch is no dependency of Crosscheck: only this file needs it.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numba
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

WIDTH, LAYERS, HEADS, EDGE, POOLS, HIDDEN = 160, 4, 8, 64, 8, 512
LENGTH, LONG = 96, 256
"""Values of the vector. Trained as the beginning of a longer one, which must tell fingers apart as well."""
PERIODS = (600.0, 300.0, 150.0, 75.0, 40.0)
MASTER, SEEN, INVENTED = 76, 64, 24
"""Most minutiae of a whole finger, of an impression, and of the false ones among these."""
HALF = (165.0, 215.0)
EASY = (0.15, 20.0, 0.9, 2.5, 0.12, 0.08, 1.5, 0.09)
HARD = (0.3, 40.0, 0.8, 5.0, 0.25, 0.2, 2.2, 0.14)
"""Rotation, offset, contact, distortion, missed, invented, errors of position and angle: `Conditions` of
`models/fingerprint/synthetic.py`, between which each impression draws its own (and a little beyond the hard ones)."""


@numba.njit
def _free(places: np.ndarray, x: float, y: float, least: float) -> bool:
    """Whether no minutia lies closer; `least` is squared."""
    for place in places:  # noqa: SIM110  (numba compiles loops)
        if (x - place[0]) ** 2 + (y - place[1]) ** 2 < least:
            return False
    return True


@numba.njit
def _ridge(x: float, y: float, kind: int, points: tuple[float, ...], wave: float) -> float:
    """Ridge orientation; `kind` counts left loop, right loop, whorl, arch, tented arch."""
    core_x, core_y, delta_x, delta_y, lower_x, lower_y, other_x, other_y = points
    if kind == 3:
        rise = min(max(1 - (y + 40) / 260, 0.0), 1.2)
        return -math.atan(wave * rise * math.sin(math.pi * x / HALF[0]))
    along = math.atan2(y - core_y, x - core_x) - math.atan2(y - delta_y, x - delta_x)
    if kind == 2:
        along += math.atan2(y - lower_y, x - lower_x) - math.atan2(y - other_y, x - other_x)
    return along / 2


@numba.njit(parallel=True)
def masters(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whole fingers as `SyntheticFinger` makes them: positions, directions and numbers of minutiae."""
    places = np.zeros((count, MASTER, 2), np.float32)
    angles = np.zeros((count, MASTER), np.float32)
    numbers = np.zeros(count, np.int32)
    for finger in numba.prange(count):
        np.random.seed(seed + finger)
        wanted, least = np.random.randint(44, 77), np.random.uniform(9.0, 14.0) ** 2
        drawn, kind = np.random.random(), 0
        for later, share in enumerate((0.338, 0.655, 0.934, 0.971)):
            if drawn > share:
                kind = later + 1
        core_x, core_y = np.random.normal(0, 12), np.random.normal(30, 18)
        delta_x, delta_y = np.random.uniform(90, 140), np.random.uniform(-170, -110)
        lower_x, lower_y = core_x + np.random.normal(0, 10), core_y - np.random.uniform(20, 70)
        other_x, other_y = -np.random.uniform(90, 140), np.random.uniform(-170, -110)
        wave = np.random.uniform(0.4, 0.9)
        delta_x *= -1.0 if kind == 1 else 0.05 if kind == 4 else 1.0
        made = 0
        for _ in range(5000):
            x, y = np.random.uniform(-1, 1), np.random.uniform(-1, 1)
            if made == wanted:
                break
            if x * x + y * y > 1:
                continue
            x, y = x * HALF[0], y * HALF[1]
            if not _free(places[finger, :made], x, y, least):
                continue
            along = _ridge(x, y, kind, (core_x, core_y, delta_x, delta_y, lower_x, lower_y, other_x, other_y), wave)
            places[finger, made, 0], places[finger, made, 1] = x, y
            angles[finger, made] = along + np.random.normal(0, 0.08) + math.pi * np.random.randint(0, 2)
            made += 1
        numbers[finger] = made
    return places, angles, numbers


def impressions(places: Tensor, angles: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One impression of each finger: x, y (upwards), angle, and which are minutiae, all (fingers, SEEN)."""
    device, (count, most) = places.device, angles.shape

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, device=device)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, device=device)

    easy, hard, half = (torch.tensor(values, device=device) for values in (EASY, HARD, HALF))
    drawn = easy + 1.15 * uniform(count, 1) * (hard - easy)
    turned, offset, contact, stretch, missed, invented, misplaced, misled = drawn.split(1, dim=1)
    missed, invented = missed * (0.6 + 0.8 * uniform(count, 1)), invented * 2 * uniform(count, 1)
    size, middle = (contact + 0.06 * normal(count, 2)).clamp(0.45, 1.1), offset * normal(count, 2)
    there = torch.arange(most, device=device) < numbers[:, None]
    touching = (((places - middle[:, None]) / (size * half)[:, None]) ** 2).sum(-1) <= 1
    seen = there & touching & (uniform(count, most) >= missed)
    false = torch.poisson(invented[:, 0] * seen.sum(1)).clamp(max=INVENTED)
    near = torch.multinomial(seen.float() + 1e-9, INVENTED, replacement=True)
    false_places = torch.gather(places, 1, near[..., None].expand(-1, -1, 2)) + 25 * normal(count, INVENTED, 2)
    false_angles = torch.gather(angles, 1, near) + math.pi * (uniform(count, INVENTED) < 0.5)
    false_angles = false_angles + 0.3 * normal(count, INVENTED)
    real = (torch.arange(INVENTED, device=device) < false[:, None]) & seen.any(1)[:, None]
    at, angle, valid = (
        torch.cat([places, false_places], 1),
        torch.cat([angles, false_angles], 1),
        torch.cat([seen, real], 1),
    )
    weights = stretch[..., None] * normal(count, 2, 5)

    def displaced(points: Tensor) -> Tensor:
        x, y = points[..., 0] / HALF[0], points[..., 1] / HALF[1]
        return points + torch.stack([x, y, x * x, x * y, y * y], -1) @ weights.transpose(1, 2)

    moved = displaced(at)
    ahead = displaced(at + torch.stack([torch.cos(angle), torch.sin(angle)], -1)) - moved
    angle = torch.atan2(ahead[..., 1], ahead[..., 0]) + misled * normal(*angle.shape)
    moved = moved + misplaced[..., None] * normal(*moved.shape)
    turn = turned * normal(count, 1)
    x = torch.cos(turn) * moved[..., 0] - torch.sin(turn) * moved[..., 1] + 8 * normal(count, 1)
    y = torch.sin(turn) * moved[..., 0] + torch.cos(turn) * moved[..., 1] + 8 * normal(count, 1)
    valid = valid & (x.abs() < 200) & (y.abs() < 250)
    order = torch.argsort(torch.where(valid, uniform(*valid.shape), torch.full_like(x, 2.0)), 1)[:, :SEEN]
    return tuple(torch.gather(values, 1, order) for values in (x, y, angle + turn, valid))


class Network(nn.Module):
    """Attention over minutiae that see each other in relative poses, as in `models/fingerprint/vector.py`."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", 2 * math.pi / torch.tensor(PERIODS))
        self.edge = nn.Sequential(nn.Linear(4 * len(PERIODS) + 9, 96), nn.GELU(), nn.Linear(96, EDGE))
        self.first = nn.Parameter(torch.randn(WIDTH) * 0.02)
        self.start = nn.Linear(EDGE, WIDTH)
        self.bias = nn.Linear(EDGE, HEADS * LAYERS, bias=False)
        self.ln1 = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(LAYERS))
        self.ln2 = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(LAYERS))
        self.qkv = nn.ModuleList(nn.Linear(WIDTH, 3 * WIDTH) for _ in range(LAYERS))
        self.ev = nn.ModuleList(nn.Linear(HEADS * EDGE, WIDTH) for _ in range(LAYERS))
        self.o = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))
        self.ff = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, 3 * WIDTH), nn.GELU(), nn.Linear(3 * WIDTH, WIDTH)) for _ in range(LAYERS)
        )
        self.lnf = nn.LayerNorm(WIDTH)
        self.seed, self.tok = nn.Linear(WIDTH, POOLS), nn.Linear(WIDTH, WIDTH)
        self.head = nn.Sequential(nn.Linear((POOLS + 2) * WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, LONG))

    def poses(self, x: Tensor, y: Tensor, angle: Tensor) -> Tensor:
        dx, dy, turn = (values[:, None, :] - values[:, :, None] for values in (x, y, angle))
        cosine, sine = torch.cos(angle)[:, :, None], torch.sin(angle)[:, :, None]
        forward = (dx * cosine + dy * sine)[..., None] * self.frequencies
        left = (dy * cosine - dx * sine)[..., None] * self.frequencies
        distance = torch.sqrt(dx * dx + dy * dy + 1)
        turns = [wave(times * turn) for times in (1, 2, 3) for wave in (torch.cos, torch.sin)]
        rest = torch.stack([*turns, distance / 200, torch.exp(-distance / 60), torch.exp(-distance / 20)], -1)
        return torch.cat([forward.sin(), forward.cos(), left.sin(), left.cos(), rest], -1)

    def forward(self, x: Tensor, y: Tensor, angle: Tensor, valid: Tensor) -> Tensor:
        batch, count = x.shape
        edges = self.edge(self.poses(x, y, angle))
        absent = torch.where(valid, 0.0, -1e4)
        biases = self.bias(edges).permute(3, 0, 1, 2)
        number = valid.sum(1).clamp(min=1).to(edges.dtype)
        seen = (edges * valid.to(edges.dtype)[:, None, :, None]).sum(2) / number.sqrt()[:, None, None]
        state = self.first + self.start(seen)
        for layer in range(LAYERS):
            joined = self.qkv[layer](self.ln1[layer](state)).view(batch, count, 3, HEADS, WIDTH // HEADS)
            query, key, value = joined.permute(2, 0, 3, 1, 4)
            logits = query @ key.transpose(-1, -2) / math.sqrt(WIDTH // HEADS)
            logits = logits + biases[layer * HEADS : (layer + 1) * HEADS].permute(1, 0, 2, 3)
            shares = torch.softmax((logits + absent[:, None, None, :].to(logits.dtype)).float(), -1).to(value.dtype)
            message = (shares @ value).permute(0, 2, 1, 3).reshape(batch, count, WIDTH)
            around = (shares.permute(0, 2, 1, 3) @ edges).reshape(batch, count, HEADS * EDGE)
            state = state + self.o[layer](message) + self.ev[layer](around)
            state = state + self.ff[layer](self.ln2[layer](state))
        state = self.lnf(state)
        shares = torch.softmax(self.seed(state).float() + absent[:, :, None], 1).to(state.dtype)
        pooled = torch.einsum("bnk,bnd->bkd", shares, state).reshape(batch, -1)
        total = (functional.gelu(self.tok(state)) * valid[:, :, None].to(state.dtype)).sum(1)
        return self.head(torch.cat([pooled, total / number.sqrt()[:, None], total / number[:, None]], 1))


def contrast(vectors: Tensor, scale: Tensor) -> Tensor:
    """Each impression of the first half must tell its mate in the second from all others, and the other way round."""
    first, second = functional.normalize(vectors, dim=1).chunk(2)
    logits = scale.exp().clamp(max=100.0) * first @ second.T
    mates = torch.arange(len(first), device=vectors.device)
    return (functional.cross_entropy(logits, mates) + functional.cross_entropy(logits.T, mates)) / 2


def train(seconds: float, pairs: int, fingers: int, rate: float) -> Network:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(1)
    torch.set_float32_matmul_precision("high")
    bank = [torch.from_numpy(values).to(device) for values in masters(fingers, 10_000_000)]  # no finger of the tests
    network = Network().to(device)
    scales = nn.Parameter(torch.tensor([2.5, 2.5], device=device))
    matrices = [values for values in network.parameters() if values.ndim > 1]
    others = [values for values in network.parameters() if values.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.02}, {"params": [*others, scales], "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
    run = torch.compile(network) if device == "cuda" else network
    begun, step = time.monotonic(), 0
    while (passed := (time.monotonic() - begun) / seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 400) * (1 + math.cos(math.pi * passed)) / 2 + 1e-6
        chosen = torch.randint(0, fingers, (pairs,), device=device).repeat(2)
        with torch.no_grad():
            seen = impressions(*(values[chosen] for values in bank))
        with torch.autocast(device, torch.bfloat16):
            vectors = run(*seen)
        loss = contrast(vectors.float(), scales[0]) + contrast(vectors.float()[:, :LENGTH], scales[1])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if step == 0:
            begun = time.monotonic()  # the first step compiles
        if step % 200 == 0:
            print(step, round(time.monotonic() - begun), "s, loss", round(loss.item(), 3), flush=True)  # noqa: T201
        step += 1
    return network


def write(network: Network, target: Path) -> None:
    """Write matrices as bytes, each row with a step of its own, and vectors as float32."""
    written: dict[str, np.ndarray] = {}
    for name, values in network.state_dict().items():
        array = values.float().cpu().numpy()
        array = array[:LENGTH] if name.startswith("head.2") else array
        if array.ndim == 2:
            steps = np.abs(array).max(axis=1) / 127
            written[name] = np.rint(array / steps[:, None]).astype(np.int8)
            written[name.replace("weight", "step")] = steps.astype(np.float32)
        elif name != "frequencies":
            written[name] = array
    np.savez_compressed(target, **written)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("--seconds", type=float, default=325)
    parser.add_argument("--pairs", type=int, default=1536)
    parser.add_argument("--fingers", type=int, default=1_500_000)
    parser.add_argument("--rate", type=float, default=1e-3)
    options = parser.parse_args()
    write(train(options.seconds, options.pairs, options.fingers, options.rate), options.target)
