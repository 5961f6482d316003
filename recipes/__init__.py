"""Runnable applications, one a file: `python -m recipes` lists them."""
