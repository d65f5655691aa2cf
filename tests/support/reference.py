"""Slow, independent formulas: plain loops over pixels and modes, in float64, sharing no code with the package."""

import math

import numpy as np

SIGMA = 0.4715


def displacement(coefficients: np.ndarray, height: int, width: int) -> np.ndarray:
    """(dx, dy) in pixels `[2, H, W]` of coefficients `[2, I, J]`, term by term (Eq. 2)."""
    _, modes_x, modes_y = coefficients.shape
    result = np.zeros((2, height, width))
    for row in range(height):
        for column in range(width):
            u, v = column / (width - 1), row / (height - 1)
            for i in range(1, modes_x + 1):
                for j in range(1, modes_y + 1):
                    wave = math.sin(i * math.pi * u) * math.sin(j * math.pi * v)
                    result[0, row, column] += width * coefficients[0, i - 1, j - 1] * wave
                    result[1, row, column] += height * coefficients[1, i - 1, j - 1] * wave
    return result


def bilinear(image: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """`[C, H, W]` with pixel (k, l) taken from (k - dx, l - dy), clamped to the frame (Eq. 15)."""
    channels, height, width = image.shape
    result = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            x = min(max(column - moved[0, row, column], 0), width - 1)
            y = min(max(row - moved[1, row, column], 0), height - 1)
            left, top = min(int(x), width - 2), min(int(y), height - 2)
            u, v = x - left, y - top
            for c in range(channels):
                corner = image[c, top : top + 2, left : left + 2]
                result[c, row, column] = (
                    corner[0, 0] * (1 - u) * (1 - v)
                    + corner[0, 1] * u * (1 - v)
                    + corner[1, 0] * (1 - u) * v
                    + corner[1, 1] * u * v
                )
    return result


def gaussian(image: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """`[C, H, W]` with each pixel a Gaussian mean over the whole image (Eq. 16)."""
    channels, height, width = image.shape
    result = np.zeros_like(image)
    rows, columns = np.mgrid[:height, :width]
    for row in range(height):
        for column in range(width):
            x = min(max(column - moved[0, row, column], 0), width - 1)
            y = min(max(row - moved[1, row, column], 0), height - 1)
            weights = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * SIGMA**2))
            for c in range(channels):
                result[c, row, column] = (weights * image[c]).sum() / weights.sum()
    return result


def kept_modes(cutoff: float, rule: str, height: int, width: int) -> list[tuple[int, int]]:
    """(i, j) of the modes that a rule keeps."""
    everything = [(i, j) for i in range(1, width + 1) for j in range(1, height + 1)]
    if rule == "disk":
        return [(i, j) for i, j in everything if i * i + j * j <= cutoff**2]
    if rule == "shell":
        return [(i, j) for i, j in everything if cutoff**2 <= i * i + j * j < (cutoff + 1) ** 2]
    return [(i, j) for i, j in everything if math.sqrt(i * i + j * j) < cutoff + 0.5]


def median(values: list[float]) -> float:
    """Middle value, or the mean of the middle two."""
    ranked, half = sorted(values), len(values) // 2
    return ranked[half] if len(values) % 2 else (ranked[half - 1] + ranked[half]) / 2


def lower_median(values: list[float]) -> float:
    """Middle value, or the lower of the middle two."""
    return sorted(values)[(len(values) - 1) // 2]
