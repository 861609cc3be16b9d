"""Plots for the documentation, as SVG that changes only if the data does. matplotlib is loaded when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def draw(path: Path, fill: Callable[[Any], None], **properties: object) -> None:
    """Draw on logarithmic axes.

    Args:
        path: where the SVG goes.
        fill: puts lines on the axes.
        properties: of the axes, such as their labels.
    """
    matplotlib = import_module("matplotlib")
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "peerdisco"})
    figure, axes = import_module("matplotlib.pyplot").subplots(figsize=(8, 4.8), layout="constrained")
    fill(axes)
    axes.set(xscale="log", yscale="log", **properties)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})
