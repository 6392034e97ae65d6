# SPDX-License-Identifier: BSD-3-Clause
"""LayerTable: numbers layer by layer, each with the expectation it stands for, to print, to plot or as a DataFrame."""

import numpy as np

from bpnet._extras import extra

#: Error signals count as vanishing or exploding where their root mean square changes by this factor between the last
#: hidden layer and the first: a learning rate that suits the one is then an order of magnitude off for the other.
NOTABLE = 10.0


class LayerTable:
    """Rows are the layers of a topology but the input, columns are statistics; made by the functions of this package.

    Attributes
    ----------
    layers : tuple of str
        Names of the layers.
    columns : dict of {str: ndarray of shape (n_layers,)}
        Also reached by `table[name]`.
    about : dict of {str: str}
        For each column, what is averaged over.
    units : dict of {str: ndarray of shape (n_units,)}
        Some of the columns unit by unit, ordered as `topology.units`.
    n_draws : int
        Number of networks that were drawn; 0 where the numbers are those of one given network.
    standard_errors : dict of {str: ndarray of shape (n_layers,)}
        Standard errors of the columns that are means over drawn networks, if at least two; times sqrt(n_draws) they
        are the standard deviation of one draw.
    unit_standard_errors : dict of {str: ndarray of shape (n_units,)}
        The same for `units`.
    growth : float
        Root mean square of delta in the first hidden layer over that in the last.

    Examples
    --------
    >>> import numpy as np
    >>> from bpnet import Network, Topology
    >>> from bpnet.diagnostics import delta_statistics
    >>> net = Network(Topology.layered([2, 8, 8, 8, 1], "logistic"), random_state=0)
    >>> table = delta_statistics(net, np.eye(2), np.array([1.0, -1.0]))
    >>> table.layers, table.verdict
    (('h1', 'h2', 'h3', 'output'), 'vanishing')
    >>> table["dead"]
    array([0., 0., 0., 0.])
    """

    def __init__(
        self, columns, about, layers, *, growth, main, units, standard_errors, unit_standard_errors, n_draws, shown
    ):
        self.layers = tuple(layers)
        self.columns, self.about, self.units = columns, about, units
        self.standard_errors, self.unit_standard_errors, self.n_draws = standard_errors, unit_standard_errors, n_draws
        self.growth, self._main, self._shown = float(growth), main, tuple(shown)

    @property
    def verdict(self):
        """'vanishing', 'steady' or 'exploding', by `growth`: a factor of 10 counts; 'no signal' where all is zero."""
        if np.isnan(self.growth):
            return "no signal"
        return "vanishing" if self.growth < 1 / NOTABLE else "exploding" if self.growth > NOTABLE else "steady"

    def __getitem__(self, column):
        return self.columns[column]

    def __len__(self):
        return len(self.layers)

    def to_frame(self):
        """All columns as a `pandas.DataFrame`, indexed by layer; standard errors as columns named '... (se)'."""
        pandas = extra("pandas", "pandas")
        errors = {f"{name} (se)": values for name, values in self.standard_errors.items()}
        return pandas.DataFrame({**self.columns, **errors}, index=pandas.Index(self.layers, name="layer"))

    def plot(self, column=None, ax=None, **kwargs):
        """Draw the size of a column layer by layer, on a logarithmic scale, with standard errors where there are any.

        Parameters
        ----------
        column : str, optional
            By default the mean square of delta.
        ax : matplotlib.axes.Axes, optional
            By default one of a new figure.
        **kwargs
            For `matplotlib.axes.Axes.errorbar`, in place of the marker and the label.

        Returns
        -------
        matplotlib.axes.Axes
        """
        pyplot = extra("matplotlib.pyplot", "plot")
        column = column or self._main
        ax = pyplot.subplots(layout="constrained")[1] if ax is None else ax
        size, error = np.abs(self[column]), self.standard_errors.get(column)
        ax.errorbar(
            self.layers, np.where(size > 0, size, np.nan), yerr=error, **{"marker": "o", "label": column, **kwargs}
        )
        ax.set(yscale="log", xlabel="layer", ylabel=f"|{column}|" if (self[column] < 0).any() else column)
        return ax

    def __str__(self):
        cells = [["layer", *self._shown]]
        cells += [[name, *(_text(self[column][k]) for column in self._shown)] for k, name in enumerate(self.layers)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
            for row in cells
        ]
        notes: dict[str, list[str]] = {}
        for column in self._shown:
            if column in self.about:
                notes.setdefault(self.about[column], []).append(column)
        lines += [f"{', '.join(names)}: {note}" for note, names in notes.items()]
        lines.append(f"error signals from the last hidden layer to the first: x {self.growth:.3g}, {self.verdict}")
        return "\n".join(lines)

    __repr__ = __str__


def _text(value):
    if isinstance(value, int | np.integer):
        return f"{value:d}"
    return "-" if np.isnan(value) else f"{value:.3g}"
