"""Machine code in this process: linking, the way in from Python, threads, objects kept on disk."""
