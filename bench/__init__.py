"""Measurements, each with its reference, in one run on one machine."""
