"""From a Parquet list column to rows of numbers of one width."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hems.fleet.homes import AnyFloats, IntArray


def matrix_of(column: Any) -> tuple[AnyFloats, IntArray]:
    """Return the lists of ``column`` as rows, NaN where nothing stands, and each one's length; an empty cell has 0.

    float32 stays float32, all else becomes float64. Raises: pyarrow's: no list of numbers.
    """
    import pyarrow as pa  # type: ignore[import-untyped]

    kind = column.type.value_type if hasattr(column.type, "value_type") else column.type
    number = pa.float32() if pa.types.is_float32(kind) else pa.float64()
    lists = column.cast(pa.large_list(number))
    offsets = lists.offsets.to_numpy()
    is_there = lists.is_valid().to_numpy(zero_copy_only=False)
    lengths: NDArray[np.int64] = np.where(is_there, np.diff(offsets), 0).astype(np.int64)
    values = lists.values.slice(offsets[0], offsets[-1] - offsets[0]).to_numpy(zero_copy_only=False)
    width = int(lengths.max(initial=0))
    if len(lengths) and is_there.all() and (lengths == width).all():
        return values.reshape(len(lengths), width), lengths
    matrix = np.full((len(lengths), width), np.nan, values.dtype)
    for row, (begin, length) in enumerate(zip((offsets[:-1] - offsets[0]).tolist(), lengths.tolist(), strict=True)):
        matrix[row, :length] = values[begin : begin + length]
    return matrix, lengths


def put_row(matrix: AnyFloats, row: int, values: AnyFloats) -> AnyFloats:
    """Return ``matrix`` with ``values`` in ``row``, made wider where they need it."""
    if len(values) > matrix.shape[1]:
        wider = np.full((len(matrix), len(values)), np.nan, matrix.dtype)
        wider[:, : matrix.shape[1]] = matrix
        matrix = wider
    elif not matrix.flags.writeable:
        matrix = matrix.copy()
    matrix[row] = np.nan
    matrix[row, : len(values)] = values
    return matrix
