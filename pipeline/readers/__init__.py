"""Reads finished data sets: any example by its index, in any framework.

Neither Beam nor TensorFlow is imported here; each framework's file imports its own
when it is used.
"""
