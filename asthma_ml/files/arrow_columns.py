"""Columns from and to arrays of Arrow, by their buffers: Arrow's own conversions of numpy arrays load pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Column, Joined, Slices, Texts

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_array(column: Column) -> pa.Array:
    """Convert a column to Arrow; NaN and missing texts become null.

    Examples
    --------
    >>> arrow_array(Texts.of(["male", None])).to_pylist()
    ['male', None]
    >>> arrow_array(np.array([0.25, np.nan])).to_pylist()
    [0.25, None]
    """
    if isinstance(column, np.ndarray):
        return _numbers(np.ascontiguousarray(column), present=~np.isnan(column))
    if isinstance(column, Texts):
        return _slices(Slices.of(column.distinct)).take(_numbers(column.codes, present=~column.missing))
    if isinstance(column, Joined):
        return _joined(column)
    return _slices(column) if isinstance(column, Slices) else arrow_array(Texts.of(column.strings()))


def arrow_numbers(array: pa.Array) -> NDArray[np.float64]:
    """Numbers of an Arrow array; missing ones are NaN.

    Raises
    ------
    ArrowInvalid
        If an integer is not exact as a float.

    Examples
    --------
    >>> import pyarrow as pa
    >>> arrow_numbers(pa.array([61, None])).tolist()
    [61.0, nan]
    """
    import pyarrow as pa

    floats = array.cast(pa.float64())
    return np.where(_present(floats), _values(floats, np.float64), np.nan)


def arrow_texts(array: pa.DictionaryArray) -> Texts:
    """Texts of an Arrow array with a dictionary.

    Examples
    --------
    >>> import pyarrow as pa
    >>> arrow_texts(pa.array(["male", None]).dictionary_encode()).strings().tolist()
    ['male', None]
    """
    import pyarrow as pa

    indices, dictionary = array.indices.cast(pa.int32()), array.dictionary
    codes = np.where(_present(indices), _values(indices, np.int32), np.int32(-1))
    # Arrow and pandas show a duration differently; times of nanoseconds exist in pandas only.
    cells = dictionary.to_pandas().tolist() if pa.types.is_temporal(dictionary.type) else dictionary.to_pylist()
    return Texts(codes, [str(cell) for cell in cells])


def arrow_slices(array: pa.Array | pa.ChunkedArray) -> Slices:
    """Texts of an Arrow array where they lie; missing ones are empty.

    Examples
    --------
    >>> import pyarrow as pa
    >>> arrow_slices(pa.array(["male", None])).strings().tolist()
    ['male', '']
    """
    import pyarrow as pa

    array = (array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array).cast(pa.large_string())
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    stops = np.where(_present(array), ends[1:], ends[:-1])
    # Machine code is compiled once for each kind of integer; 32 bits are the usual one.
    place = np.int32 if ends[-1] < 2**31 else np.int64
    return Slices(np.frombuffer(data or b"", dtype=np.uint8)[: ends[-1]], ends[:-1].astype(place), stops.astype(place))


def _numbers(values: NDArray[Any], present: NDArray[np.bool_]) -> pa.Array:
    import pyarrow as pa

    buffers = [_validity(present), pa.py_buffer(values)]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), buffers)


def _validity(present: NDArray[np.bool_]) -> pa.Buffer | None:
    import pyarrow as pa

    return None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))


def _present(array: pa.Array) -> NDArray[np.bool_]:
    """Whether each cell is not null."""
    bits = array.buffers()[0]
    if bits is None:
        return np.ones(len(array), dtype=bool)
    places = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), bitorder="little")
    return places[array.offset : array.offset + len(array)].view(bool)


def _values(array: pa.Array, kind: Any) -> NDArray[Any]:
    return np.frombuffer(array.buffers()[1] or b"", dtype=kind)[array.offset : array.offset + len(array)]


def _joined(column: Joined) -> pa.Array:
    """Join the parts as if missing ones were empty, which Arrow does faster than with nulls."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = [arrow_array(Texts(part.codes % (len(part.distinct) + 1), [*part.distinct, ""])) for part in column.parts]
    present = ~np.all([part.missing for part in column.parts], axis=0)
    _, *content = pc.binary_join_element_wise(*parts, _slices(Slices.of([""]))[0]).buffers()
    return pa.Array.from_buffers(pa.large_string(), len(column), [_validity(present), *content])


def _slices(column: Slices) -> pa.Array:
    import pyarrow as pa

    lengths = column.stops - column.starts
    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    places = np.repeat(column.starts - ends[:-1], lengths) + np.arange(ends[-1])
    return pa.LargeStringArray.from_buffers(len(column), pa.py_buffer(ends), pa.py_buffer(column.data[places]))
