"""Matrix products at the speed of a library.

A cluster with a large product of two stored arrays (`product`) is planned (`plan`), and becomes a `ProductKernel`
(`kernel`): loops over panels of columns (`walk`) that pack operands (`pack`), multiply tiles in registers (`micro`),
and hand finished panels to an ordinary loop nest that does what follows the product (`epilogue`).  The number of rows,
and the length of the sums, may be symbolic (`rows`).

The scheme is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), with the tiles
of Van Zee and van de Geijn, "BLIS" (2015).
"""
