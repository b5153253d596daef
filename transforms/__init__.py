"""The steps of the data's way, one file each: plain functions first, Beam last.

Nothing in here knows about flags; ``pipeline`` uses ``transforms``, never the
reverse.
"""
