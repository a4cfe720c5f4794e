"""The compiled reader of plain formulas, from their bytes.

Compiled by numba on first use and kept in its cache; one thread.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

from mattransformer.notation import MAX_AMOUNT, MAX_LENGTH

_DEPTH: Final = 16  # of nested parentheses

_compiled: Any = njit(cache=True, nogil=True)


@_compiled
def parse(
    text: np.ndarray, offsets: np.ndarray, symbols: np.ndarray, numbers: np.ndarray, amounts: np.ndarray
) -> np.ndarray:
    """Read plain formulas: symbols, whole numbers and parentheses, from right to left.

    Args:
        text: bytes of all formulas, uint8.
        offsets: where each begins, with the end of the last, (n + 1,).
        symbols: atomic number by first letter and second letter (0 for none), (26, 27), uint8; 0 is no element.
        numbers: written: atomic numbers of the entries; as long as `text`.
        amounts: written: their numbers of atoms; as long as `text`.

    Returns:
        Where the entries of each begin, (n + 1,); a formula without entries was not read.
    """
    rows = len(offsets) - 1
    starts = np.empty(rows + 1, np.int64)
    factors = np.empty(_DEPTH + 1, np.int64)
    filled = 0
    for row in range(rows):
        starts[row] = filled
        first, depth = filled, 0
        plain = offsets[row + 1] - offsets[row] <= MAX_LENGTH
        factors[0] = 1
        at = offsets[row + 1] - 1
        begin = offsets[row]
        while at >= begin and plain:
            number, place, digits = 0, 1, 0
            while at >= begin and 48 <= text[at] <= 57 and digits < 6:
                number += (text[at] - 48) * place
                place *= 10
                digits += 1
                at -= 1
            if digits == 0:
                number = 1
            elif at < begin or number == 0 or number > MAX_AMOUNT or text[at + 1] == 48:
                plain = False
                break
            if at < begin:
                break
            letter = text[at]
            at -= 1
            if letter == 41:  # )
                if depth == _DEPTH or at < begin or text[at] == 40:
                    plain = False
                    break
                depth += 1
                factors[depth] = factors[depth - 1] * number
                if factors[depth] > MAX_AMOUNT:
                    plain = False
                continue
            if letter == 40:  # (
                if depth == 0 or digits:
                    plain = False
                    break
                depth -= 1
                continue
            second = 0
            if 97 <= letter <= 122:
                if at < begin:
                    plain = False
                    break
                second = letter - 96
                letter = text[at]
                at -= 1
            if letter < 65 or letter > 90:
                plain = False
                break
            element = symbols[letter - 65, second]
            amount = number * factors[depth]
            entry = first
            while entry < filled and numbers[entry] != element:
                entry += 1
            if entry == filled:
                numbers[entry] = element
                amounts[entry] = 0
                filled += 1
            total = amounts[entry] + amount
            if element == 0 or total > MAX_AMOUNT:
                plain = False
                break
            amounts[entry] = total
        if not plain or depth:
            filled = first
    starts[rows] = filled
    return starts
