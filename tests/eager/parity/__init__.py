"""Programs whose values PyTorch has given once (values.json, written by record.py), run on the eager twin."""
