"""Zonal shift of Amazon Application Recovery Controller (ARC)."""
