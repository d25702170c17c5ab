"""Tests compile everything anew, and the twin computes by NumPy alone; those of cache and kernels switch them on."""

import os

os.environ["GRAPHC_CACHE_DIR"] = "off"
os.environ["GRAPHC_KERNELS"] = "off"
