"""Charts as inline SVG, from bins, in the colours of the page around them."""

import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import escape

# Stand-ins for the page's own colours, which follow its light or dark mode.
_INK, _BARS = '#010203', '#040506'
_COLORS = {_INK: 'currentColor', _BARS: 'var(--bar)'}

_GROUP_ID = re.compile(r'<g id="[^"]*">')

_SIZE = (6.4, 2.6)  # inches of 72 points


def bar_chart(
    edges: Sequence[float] | np.ndarray,
    counts: Sequence[int] | np.ndarray,
    x_label: str,
    y_label: str,
    label: str,
) -> str:
    """Returns a histogram as an SVG element.

    Args:
      edges: of the bins, ascending, shape [bins + 1].
      counts: shape [bins].
      x_label, y_label: of the axes.
      label: what the chart shows, for those who do not see it.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    style: Any = {
        'svg.fonttype': 'none',
        'svg.hashsalt': label,
        'font.family': 'sans-serif',
        'font.size': 10,
        'text.color': _INK,
        'axes.edgecolor': _INK,
        'axes.labelcolor': _INK,
        'xtick.color': _INK,
        'ytick.color': _INK,
        'axes.spines.top': False,
        'axes.spines.right': False,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=_SIZE, layout='constrained')
        axes = figure.add_subplot()
        edges = np.asarray(edges, float)
        axes.bar(
            edges[:-1], counts, np.diff(edges), align='edge', color=_BARS, linewidth=0
        )
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.xaxis.set_major_formatter('{x:,g}')
        axes.yaxis.set_major_formatter('{x:,.0f}')
        axes.yaxis.set_major_locator(MaxNLocator('auto', integer=True))
        file = io.StringIO()
        figure.savefig(file, format='svg', transparent=True, metadata={'Date': None})
    svg = file.getvalue()
    svg = svg[svg.index('<svg') :]
    svg = _GROUP_ID.sub('<g>', svg)  # they would repeat from chart to chart
    for stand_in, color in _COLORS.items():
        svg = svg.replace(stand_in, color)
    return svg.replace('<svg', f'<svg role="img" aria-label="{escape(label)}"', 1)


def histogram(
    values: np.ndarray, bins: int, x_label: str, y_label: str, label: str
) -> str:
    """Returns a chart of how often values occur; ``bar_chart`` has the arguments."""
    values = values[np.isfinite(values)]
    counts, edges = np.histogram(values, bins)
    return bar_chart(edges, counts, x_label, y_label, label)
