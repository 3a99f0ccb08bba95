"""Measurements, each beside its reference, in one run on one machine."""
