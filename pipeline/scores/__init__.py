"""Joins what others published with a data set, and publishes what you computed."""
