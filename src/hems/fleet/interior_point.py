"""A linear programme in numpy: small, dense, solved from the inside, so that its prices lie in the middle of many.

Prices from the middle are what price coordination wants: those of a corner swing from one extreme to the other.
Source: Mehrotra, On the implementation of a primal-dual interior point method, SIAM J. Optim. 2 (1992).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_ROUNDS = 80


def solve(a: FloatArray, b: FloatArray, c: FloatArray, tolerance: float) -> tuple[FloatArray, FloatArray]:
    """Return x >= 0 that minimises c x with a x = b, and the rows' prices, within ``tolerance`` of the least c x.

    ``a``: shape (m, n), with full row rank and a bounded optimum. The answer may miss ``b`` by rounding.
    """
    x, y, s = _start(a, b, c)
    scale = 1.0 + abs(b).max(), 1.0 + abs(c).max()
    for _ in range(_ROUNDS):
        primal, dual = b - a @ x, c - a.T @ y - s
        mu = x @ s / len(x)
        is_near = abs(primal).max() <= 1e-8 * scale[0] and abs(dual).max() <= 1e-8 * scale[1]
        if is_near and x @ s <= tolerance:
            break
        weight = x / s
        matrix = (a * weight) @ a.T
        matrix[np.diag_indices_from(matrix)] += 1e-13 * np.trace(matrix) / len(b)
        inverse: FloatArray = np.asarray(np.linalg.inv(matrix), np.float64)
        dx, dy, ds = _step(a, inverse, (primal, dual, -x * s), x, s)
        ahead = (x + _reach(x, dx) * dx) @ (s + _reach(s, ds) * ds) / len(x)
        dx, dy, ds = _step(a, inverse, (primal, dual, (ahead / mu) ** 3 * mu - x * s - dx * ds), x, s)
        long_x, long_s = min(1.0, 0.99 * _reach(x, dx, 1e9)), min(1.0, 0.99 * _reach(s, ds, 1e9))
        x, y, s = x + long_x * dx, y + long_s * dy, s + long_s * ds
    return x, y


def _step(
    a: FloatArray, inverse: FloatArray, missing: tuple[FloatArray, FloatArray, FloatArray], x: FloatArray, s: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the direction that takes away what is ``missing``: of the rows, of the prices, of the products x s."""
    primal, dual, push = missing
    dy = inverse @ (primal + a @ ((x * dual - push) / s))
    ds = dual - a.T @ dy
    return (push - x * ds) / s, dy, ds


def _start(a: FloatArray, b: FloatArray, c: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return Mehrotra's starting point: least squares, moved well inside."""
    square = a @ a.T
    square[np.diag_indices_from(square)] += 1e-12 * np.trace(square) / len(b)
    x = a.T @ np.linalg.solve(square, b)
    y: FloatArray = np.asarray(np.linalg.solve(square, a @ c), np.float64)
    s = c - a.T @ y
    x += max(-1.5 * x.min(), 0.0) + 1e-8
    s += max(-1.5 * s.min(), 0.0) + 1e-8
    product = x @ s
    return x + 0.5 * product / s.sum(), y, s + 0.5 * product / x.sum()


def _reach(values: FloatArray, step: FloatArray, most: float = 1.0) -> float:
    """Return how far ``values`` may go along ``step`` until one is zero, at most ``most``."""
    down = step < 0.0
    return min(most, float((-values[down] / step[down]).min())) if down.any() else most
