"""Memorization and influence: from training runs, and as published.

See ``scores/estimators.py`` and ``scores/pairs.py``.
"""

from indexed_imagenet.scores.estimators import (
    Estimate,
    InfluencePairs,
    influence_block,
    influence_by_class,
    influences_above,
    memorization,
    read_aux_arrays,
    top_influences,
)
from indexed_imagenet.scores.pairs import (
    ClassInfluence,
    PublishedPairs,
    read_class_influence,
    read_pairs,
    write_pairs,
)

__all__ = [
    'ClassInfluence',
    'Estimate',
    'InfluencePairs',
    'PublishedPairs',
    'influence_block',
    'influence_by_class',
    'influences_above',
    'memorization',
    'read_aux_arrays',
    'read_class_influence',
    'read_pairs',
    'top_influences',
    'write_pairs',
]
