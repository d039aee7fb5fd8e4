"""Figures: arrays and dicts in, Matplotlib figures out."""
