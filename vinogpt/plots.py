"""El estilo único de las figuras: tarjeta clara, legible también sobre una página oscura.

A 375 px una figura de 6 pulgadas se ve a poco más de la mitad: por eso la letra es grande.
"""

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler

WINE, GOLD, LEAF, SLATE, PLUM, CLAY = COLOURS = (
    "#8c1c3f",
    "#b07d10",
    "#3f7a4d",
    "#33658a",
    "#6d4a8d",
    "#c4572d",
)

STYLE = {
    "figure.figsize": (6, 3.6),
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.bbox": "tight",
    "font.size": 12,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#777777",
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
    "lines.linewidth": 2,
    "lines.markersize": 6,
    "svg.hashsalt": "vinogpt",
}


def use_style():
    """Aplica el estilo del curso a todas las figuras que se dibujen después."""
    plt.rcParams.update(STYLE)


def heatmap(ax, matrix, rows, columns, title, digits=1):
    """Dibuja una matriz pequeña con sus números; el color dice lo lejos que están de cero."""
    size = np.abs(matrix)
    ax.imshow(size, cmap="PuRd", vmin=0, vmax=1.4 * size.max(), aspect="auto")
    ax.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    ax.set_yticks(range(len(rows)), rows)
    ax.set_title(title)
    ax.grid(False)
    for (i, j), value in np.ndenumerate(matrix):
        ax.text(j, i, f"{value:.{digits}f}", ha="center", va="center", fontsize=10)


def word_map(ax, points, words, labels):
    """Sitúa cada palabra en su punto del plano, con un color y una marca por clase.

    points: (N, 2); words y labels: N textos. La marca acompaña al color para quien no lo distinga.
    Un nombre que taparía a otro anterior no se escribe.
    """
    labels, written = np.asarray(labels), []
    for label, marker, colour in zip(np.unique(labels), "os^DvP", COLOURS, strict=False):
        ax.scatter(*points[labels == label].T, s=30, marker=marker, color=colour, label=label)
    places = (points - points.min(axis=0)) / np.ptp(points, axis=0)  # (N, 2), de 0 a 1
    for point, (x, y), word in zip(points, places, words, strict=True):
        end = x + 0.02 * len(word)
        if all(end < left or x > right or abs(y - row) > 0.05 for left, right, row in written):
            ax.annotate(word, point, xytext=(4, 3), textcoords="offset points", fontsize=9)
            written.append((x, end, y))
    ax.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 0))
