"""From fused groups of nodes to machine code.

In the order of the road: `lift` (group -> cluster), `lower` (cluster -> loop nest), `schedule` (nest -> nest), `gemm`
(matrix products, with a planning rule of their own), `llvm` (nest -> text; `vecmath` supplies the elementary
functions), `native` (text -> code, and the way in from Python).  `nest` holds what they speak in.
"""
