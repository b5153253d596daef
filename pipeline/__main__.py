"""``python -m pipeline``. Nothing else: workers cannot import ``__main__``."""

from pipeline.commands import main_then_leave

if __name__ == '__main__':
    main_then_leave()
