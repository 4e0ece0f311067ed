"""Pictures of nobody: a chest, a head and an ultrasound sector, drawn from ellipses and noise.

Pure functions of their arguments. Coordinates run from -1 to 1: x from the patient's right to left,
y from front to back, z from the feet to the head.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float64]
Mask = NDArray[np.bool_]


def chest_slice(z: float, size: int, noise: float = 14.0) -> NDArray[np.int16]:
    """An axial slice through a chest, in Hounsfield units."""
    x, y = _grid(size)
    hu = np.full((size, size), -1000.0)
    girth = 1.0 - 0.10 * max(z, 0.0) ** 2
    hu[_ellipse(x, y, 0, 0.02, 0.93 * girth, 0.66 * girth)] = -95
    hu[_ellipse(x, y, 0, 0.02, 0.87 * girth, 0.59 * girth)] = 45
    apex = float(np.sqrt(max(0.02, 1 - (0.85 * z) ** 2)))
    left, right = (
        _ellipse(x, y, side * 0.42, 0.0, 0.35 * apex, 0.47 * apex, side * 0.12) for side in (1, -1)
    )
    lungs = left | right
    hu[lungs] = -860 + 70 * y[lungs]
    hu[lungs & (_cloud(size, 5, round(z * 1e4)) > 0.93 + 0.05 * np.abs(np.abs(x) - 0.2))] = 20
    if z < -0.45:  # the domes of the diaphragm: liver and spleen
        for side, depth, density in ((-1, 0.9, 62), (1, 0.6, 52)):
            dome = min(1.0, 1.5 * float(np.sqrt((-0.45 - z) * depth)))
            hu[_ellipse(x, y, side * 0.42, 0.02, 0.34 * dome, 0.44 * dome)] = density
    beat = float(np.exp(-(((z + 0.25) / 0.45) ** 2)))
    if beat > 0.25:
        hu[_ellipse(x, y, 0.13, -0.16, 0.33 * beat, 0.27 * beat, 0.5)] = 55
        hu[_ellipse(x, y, 0.20, -0.13, 0.15 * beat, 0.13 * beat, 0.5)] = 190
        hu[_ellipse(x, y, -0.01, -0.22, 0.11 * beat, 0.12 * beat)] = 160
    hu[_ellipse(x, y, 0, -0.10, 0.13, 0.25)] = np.maximum(hu[_ellipse(x, y, 0, -0.10, 0.13, 0.25)], 20)
    hu[_ellipse(x, y, 0.13, 0.24, 0.065, 0.065)] = 185
    if z > 0:
        hu[_ellipse(x, y, 0.0, -0.02, 0.055, 0.05)] = -990
    _bones(hu, x, y, z, girth)
    couch = (np.abs(y - 0.80 - 0.10 * (1 - x**2)) < 0.012) & (np.abs(x) < 0.8)
    hu[couch] = -150
    grain = np.random.default_rng(round(z * 1e4) + 50_000).normal(0, noise, hu.shape)
    return np.clip(_soften(hu, 1) + grain, -1024, 3071).round().astype(np.int16)


def head_slice(z: float, size: int) -> NDArray[np.uint16]:
    """An axial slice through a head, weighted as T1, 0 to about 1000."""
    x, y = _grid(size)
    shrink = float(np.sqrt(max(0.05, 1 - (0.9 * z) ** 2)))
    radius = np.hypot(x / (0.66 * shrink), y / (0.84 * shrink))
    angle = np.arctan2(y, x)
    folds = (
        0.035 * np.sin(17 * angle + 5 * z) + 0.03 * np.sin(29 * angle - 11 * z) + 0.02 * np.sin(43 * angle)
    )
    signal = np.where(radius < 1.12, 820.0, 0.0)  # scalp
    signal[radius < 1.05] = 90  # skull
    signal[radius < 0.99] = 170  # fluid
    signal[radius + folds < 0.955] = 470  # grey matter
    signal[radius + 1.6 * folds < 0.83] = 700  # white matter
    signal[(np.abs(x) < 0.012) & (radius < 0.96) & (np.abs(y) > 0.22)] = 180
    if abs(z) < 0.55:
        horn = 0.28 * (1 - (z / 0.6) ** 2)
        for side in (1, -1):
            signal[_ellipse(x, y, side * 0.11, -0.12, 0.055, horn, side * 0.35)] = 150
            signal[_ellipse(x, y, side * 0.13, 0.17, 0.05, 0.8 * horn, -side * 0.45)] = 150
            signal[_ellipse(x, y, side * 0.17, 0.04, 0.075, 0.12, side * 0.3)] = 520
            signal[_ellipse(x, y, side * 0.29, -0.01, 0.05, 0.16, -side * 0.2)] = 540
    field = 1.0 - 0.16 * np.hypot(x - 0.2, y + 0.3)
    chance = np.random.default_rng(round(z * 1e4) + 90_000)
    real = _soften(signal * field, 1) + chance.normal(0, 14, signal.shape)
    picture: Plane = np.hypot(real, chance.normal(0, 14, signal.shape))
    return picture.round().astype(np.uint16)


@cache
def chest_radiograph(size: int) -> NDArray[np.uint16]:
    """A frontal chest radiograph, 12 bits: the chest above, projected from back to front."""
    levels = np.linspace(1.0, -1.0, 128)
    rows = [np.clip(chest_slice(float(z), 160, noise=0.0) + 1000.0, 0, None).sum(axis=0) for z in levels]
    absorbed: Plane = np.array(rows, dtype=np.float64) / 160_000
    picture = Image.fromarray(absorbed.astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC)
    grey = np.asarray(picture, dtype=np.float64)
    grey = (grey - grey.min()) / (grey.max() - grey.min())
    grain = np.random.default_rng(7).normal(0, 0.008, grey.shape)
    exposed: Plane = np.clip((np.clip(grey, 0, 1) ** 0.75 + grain) * 4095, 0, 4095)
    return exposed.round().astype(np.uint16)


def ultrasound(moment: float, rows: int, columns: int) -> NDArray[np.uint8]:
    """A curved-array sector with vessels that beat; `moment` runs from 0 to 1 through one beat."""
    down = (np.arange(rows)[:, None] + 0.5) / rows
    across = (np.arange(columns)[None, :] - columns / 2 + 0.5) / rows
    depth = np.hypot(across, down + 0.28) - 0.33
    angle = np.arctan2(across, down + 0.28)
    sector = (depth > 0) & (depth < 0.90) & (np.abs(angle) < 0.62)
    echo = 0.50 + 0.10 * np.sin(9 * depth + 3 * angle) * np.cos(7 * angle)
    pulse = 1.0 + 0.16 * np.sin(2 * np.pi * moment)
    for x, y, wide, high in ((-0.16, 0.42, 0.10, 0.075), (0.20, 0.34, 0.05, 0.045), (0.10, 0.66, 0.07, 0.05)):
        distance = np.hypot((across - x) / (wide * pulse), (down - y) / (high * pulse))
        echo = np.where(distance < 1, 0.03, np.where(distance < 1.16, 0.85, echo))
        behind = (np.abs(across - x) < wide * 0.7) & (down > y + high)
        echo = np.where(behind, echo * 1.25, echo)  # enhancement behind fluid
    edge = 0.78 + 0.05 * np.cos(4 * angle) + 0.012 * np.sin(2 * np.pi * moment)
    echo = np.where(np.abs(depth - edge) < 0.012, 1.5, np.where(depth > edge, echo * 0.45, echo))
    speckle = _speckle(rows, columns)
    shade = np.clip(echo * speckle * (1.05 - 0.45 * depth), 1e-3, None)
    grey = np.clip(0.62 + 0.30 * np.log(shade), 0, 1)
    return np.where(sector, grey * 235 + 6, 0).round().astype(np.uint8)


def _bones(hu: Plane, x: Plane, y: Plane, z: float, girth: float) -> None:
    """Spine, sternum and ribs, drawn into a slice. Ribs fall from back to front."""
    for width, density in ((0.135, 380), (0.115, 190)):
        hu[_ellipse(x, y, 0, 0.33, width, width * 0.8)] = density
    hu[_ellipse(x, y, 0, 0.455, 0.05, 0.04)] = 30
    hu[_ellipse(x, y, 0, 0.545, 0.028, 0.065)] = 420
    hu[_ellipse(x, y, 0.13, 0.45, 0.09, 0.03, 0.3) | _ellipse(x, y, -0.13, 0.45, 0.09, 0.03, -0.3)] = 400
    if -0.3 < z < 0.75:
        hu[_ellipse(x, y, 0, -0.49 * girth, 0.11, 0.03)] = 330
    ring = np.hypot(x / (0.80 * girth), (y - 0.02) / (0.535 * girth))
    slope = z - 0.28 * y / 0.55
    rib = np.abs((slope * 5.5) % 1.0 - 0.5) < 0.17
    hu[(np.abs(ring - 1) < 0.035) & rib & ((np.abs(x) > 0.22) | (y > 0.2))] = 520
    hu[(np.abs(ring - 1) < 0.015) & rib & ((np.abs(x) > 0.22) | (y > 0.2))] = 260


def _grid(size: int) -> tuple[Plane, Plane]:
    line = (np.arange(size) + 0.5) / size * 2 - 1
    y, x = np.meshgrid(line, line, indexing="ij")
    return x, y


def _ellipse(x: Plane, y: Plane, cx: float, cy: float, rx: float, ry: float, turn: float = 0.0) -> Mask:
    across = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
    along = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
    inside: Mask = (across / max(rx, 1e-3)) ** 2 + (along / max(ry, 1e-3)) ** 2 < 1
    return inside


@cache
def _speckle(rows: int, columns: int) -> Plane:
    """Interference of many scatterers: the same in each frame, since tissue keeps it."""
    chance = np.random.default_rng(31)
    waves = [_soften(chance.normal(0, 1, (rows, columns)), 2) for _ in range(2)]
    speckle: Plane = np.hypot(*waves) / 0.45
    return speckle


def _cloud(size: int, grain_px: int, seed: int) -> Plane:
    """Smooth noise from 0 to 1, `grain_px` wide."""
    coarse = np.random.default_rng(seed + 20_000).random((size // grain_px + 2, size // grain_px + 2))
    picture = Image.fromarray(coarse.astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(picture, dtype=np.float64)


def _soften(picture: Plane, times: int) -> Plane:
    """Binomial smoothing, edges kept."""
    for _ in range(times):
        for axis in (0, 1):
            padded = np.pad(picture, [(1, 1) if axis == own else (0, 0) for own in (0, 1)], mode="edge")
            ahead, behind = (np.take(padded, range(k, k + picture.shape[axis]), axis) for k in (2, 0))
            picture = (ahead + 2 * picture + behind) / 4
    return picture
