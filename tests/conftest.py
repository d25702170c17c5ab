"""Tests compile everything anew; those of the cache switch it on."""

import os

os.environ["GRAPHC_CACHE_DIR"] = "off"
