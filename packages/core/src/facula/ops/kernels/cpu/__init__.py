"""Compiled loops for NumPy arrays, one file for each family of operators."""
