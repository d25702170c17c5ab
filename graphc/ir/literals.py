"""Arrays as text, exact to the bit: numbers in line where there are few, base64 of the bytes otherwise.

0.5        a 0-d array
[1.0, nan, -0.0]        up to eight items, row-major
base64 "AAAAPw=="       anything else, and NaNs with a payload
"""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from graphc.errors import ParseError
from graphc.ir.types import numpy_dtype, short_dtype

MOST_IN_LINE = 8


def print_array(array: np.ndarray[Any, Any], *, short: bool = False) -> str:
    """The text of an array; its type is told elsewhere.  `short`: for people, large ones are summed up."""
    text = _in_line(array)
    if text is not None:
        return text
    return _summary(array) if short else f'base64 "{base64.b64encode(array.tobytes()).decode()}"'


def read_array(text: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The inverse of `print_array`.  Raises ParseError where the text does not hold an array of that type."""
    try:
        return _read(text, numpy_dtype(dtype), shape)
    except (ValueError, KeyError, OverflowError) as e:
        got = text if len(text) < 60 else f"{text[:57]}..."
        raise ParseError("not an array of its type", expected=f"{dtype}{list(shape)}", got=f"{got} ({e})") from None


def _in_line(array: np.ndarray[Any, Any]) -> str | None:
    """The items, or None where they are many or the text would lose bits."""
    if _is_uniform(array):
        text = str(array.flat[0])
    elif array.size <= MOST_IN_LINE:
        text = f"[{', '.join(map(str, array.ravel()))}]"
    else:
        return None
    exact = read_array(text, short_dtype(array.dtype), array.shape).tobytes() == array.tobytes()
    return text if exact else None


def _is_uniform(array: np.ndarray[Any, Any]) -> bool:
    """Whether all items are one, bit for bit."""
    items = np.frombuffer(array.tobytes(), f"V{array.itemsize}")
    return items.size > 0 and bool((items == items[0]).all())


def _summary(array: np.ndarray[Any, Any]) -> str:
    with np.errstate(all="ignore"):
        return f"<{array.size} items in [{array.min()}, {array.max()}]>"


def _read(text: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    if text.startswith("base64"):
        data = base64.b64decode(text.removeprefix("base64").strip().strip('"'), validate=True)
        return np.frombuffer(data, dtype).reshape(shape)
    if text.startswith("["):
        items = [_item(t, dtype) for t in text.strip("[] ").split(",") if t.strip()]
        return np.array(items, dtype).reshape(shape)
    return np.full(shape, _item(text, dtype), dtype)


def _item(text: str, dtype: np.dtype[Any]) -> Any:
    match dtype.kind:
        case "b":
            return {"True": True, "False": False}[text.strip()]
        case "f":
            return _float(text, dtype)
    return int(text)


def _float(text: str, dtype: np.dtype[Any]) -> float:
    """The nearest number of the type: the shortest text of its largest one is a little larger, as a double."""
    with np.errstate(over="ignore"):
        value = float(dtype.type(float(text)))
    if math.isinf(value) and not math.isinf(float(text)):
        raise OverflowError(f"{text} is too large for {dtype}")
    return value
