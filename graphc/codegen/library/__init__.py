"""Operations that no loop nest expresses: prefix scans, sorts, selections.

Such a node is a kernel of its own (`kernel`): its rows are shared by threads, and each kind writes what is done with a
row: `scan`, `sort`, `top_k`.

Why scans are here and not an effect of loop nests beside reductions: every lane of a vector needs the lanes before it,
so the schedule (width, unrolling, direction, tails) is part of the algorithm and nothing a nest could be rescheduled
into.  What fusing neighbours into it would save, a row written and read once more, is small beside the other kernels.
"""
