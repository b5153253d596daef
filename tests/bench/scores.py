"""Measures the estimators at the size of ImageNet, and a join by name.

    .venv/bin/python tests/bench/scores.py

Memorization of 1,281,167 examples over 50 runs; the strongest influence on 100
validation examples. Each is measured in a process of its own: time, and peak memory
beyond that of the inputs.
"""

import argparse
import multiprocessing
import resource
import time

import numpy as np

from indexed_imagenet import estimators

TRAIN, RUNS, TEST = 1_281_167, 50, 100


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(what: str, runs: int) -> None:
    """Prints time and memory of one estimate."""
    random = np.random.RandomState(0)
    masks = np.empty((runs, TRAIN), bool)
    correct = np.empty((runs, TRAIN), bool)
    for run in range(runs):
        masks[run] = random.randint(10, size=TRAIN, dtype=np.int8) < 7
        correct[run] = random.randint(10, size=TRAIN, dtype=np.int8) < 6
    test_correct = random.rand(runs, TEST) < 0.6
    before, begin = _peak_mb(), time.perf_counter()
    if what == 'memorization':
        estimators.memorization(masks, correct)
    else:
        estimators.top_influences(masks, test_correct, 5)
    seconds = time.perf_counter() - begin
    inputs = (masks.nbytes + correct.nbytes) / 2**20
    print(
        f'{what}, {TRAIN:,} examples × {runs} runs: {seconds:.2f} s, '
        f'{_peak_mb() - before:.0f} MB beyond {inputs:.0f} MB of inputs'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--runs', type=int, default=RUNS)
    runs = parser.parse_args().runs
    context = multiprocessing.get_context('spawn')
    for what in ('memorization', 'top influences on 100'):
        process = context.Process(target=measure, args=(what, runs))
        process.start()
        process.join()


if __name__ == '__main__':
    main()
