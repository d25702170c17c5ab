"""Scheduled loop nests as finished vector LLVM text."""
