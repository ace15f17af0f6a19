"""Memory that is needed again and again: keeping it is quicker than asking for it anew.

A block of patients lives in some hundred arrays, and the next block in as many. Where the C library
gives them back to the system in between, the system has to clean them again, which takes up to a
tenth of the whole time.
"""

from __future__ import annotations

import numpy as np

_ALMOST_32_MIB = 2**25 - 2**16


def keep_freed_memory() -> None:
    """Let the C library keep up to 64 MiB of freed memory for this process.

    glibc keeps twice the size of the largest separate part that was freed so far, up to this much
    (``M_TRIM_THRESHOLD`` in mallopt(3)). The part freed here is never written to, and so costs
    nothing. Other C libraries are not moved by it.

    Examples
    --------
    >>> keep_freed_memory()
    """
    np.empty(_ALMOST_32_MIB, dtype=np.uint8)
