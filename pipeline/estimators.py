"""Memorization and influence from training runs; see ``scores/estimators.py``."""

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

__all__ = [
    'Estimate',
    'InfluencePairs',
    'influence_block',
    'influence_by_class',
    'influences_above',
    'memorization',
    'read_aux_arrays',
    'top_influences',
]
