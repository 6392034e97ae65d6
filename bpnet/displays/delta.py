# SPDX-License-Identifier: BSD-3-Clause
"""DeltaDisplay: the size of the error signals layer by layer."""

from bpnet._extras import extra
from bpnet.diagnostics import delta_statistics
from bpnet.displays._models import network_and_data


class DeltaDisplay:
    """Statistics of the error signals delta_j = dE_n/da_j of each layer; best made by `from_estimator`.

    Parameters
    ----------
    table : LayerTable
        From `bpnet.diagnostics.delta_statistics` or `predict_delta_statistics`.
    name : str, optional
        For the legend.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    container_ : matplotlib.container.ErrorbarContainer
        The line, a point for each layer, and its standard errors where there are any.

    See Also
    --------
    bpnet.diagnostics.delta_statistics : The numbers.

    Examples
    --------
    >>> from bpnet import DeltaDisplay, MLPClassifier
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier([20, 20, 20], "logistic", solver="lbfgs", random_state=0).fit(X / 16, y)
    >>> display = DeltaDisplay.from_estimator(model, X / 16, y, n_restarts=5, random_state=0, name="as it starts")
    >>> display.table.verdict
    'vanishing'
    >>> display = DeltaDisplay.from_estimator(model, X / 16, y, name="fitted", ax=display.ax_)
    """

    def __init__(self, *, table, name=None):
        self.table, self.name = table, name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        sample_weight=None,
        n_restarts=0,
        initializer=None,
        random_state=None,
        column=None,
        name=None,
        ax=None,
        **kwargs,
    ):
        """Measure the error signals on data and draw them.

        Parameters
        ----------
        estimator : fitted estimator, pipeline, search, or Network
            Where a pipeline or search ends in a network, its other steps transform X.
        X, y
            As for its `fit`; for a `Network` as for its `deltas`.
        sample_weight : array-like of shape (n_samples,), optional
        n_restarts, initializer, random_state
            As for `delta_statistics`: with n_restarts, the mean of so many new starts of the same network instead, with
            standard errors.
        column, ax, **kwargs
            As for `plot`.
        name : str, optional
            For the legend.

        Returns
        -------
        DeltaDisplay
        """
        network, X, y = network_and_data(estimator, X, y)
        table = delta_statistics(
            network,
            X,
            y,
            sample_weight,
            n_restarts=n_restarts,
            initializer=initializer,
            random_state=random_state,
        )
        return cls(table=table, name=name).plot(ax, column=column, **kwargs)

    def plot(self, ax=None, *, column=None, name=None, **kwargs):
        """Draw a column layer by layer, its size on a logarithmic scale.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            By default one of a new figure. Several displays on the same axes are compared.
        column : str, optional
            Of the table; by default the mean square of delta.
        name : str, optional
            For the legend, in place of that of the display.
        **kwargs
            For `matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        DeltaDisplay
            Itself.
        """
        extra("matplotlib.pyplot", "plot")
        if column is not None and column not in self.table.columns:
            raise ValueError(f"expected a column out of {', '.join(self.table.columns)}, got {column!r}")
        name = self.name if name is None else name
        if name is not None:
            kwargs = {"label": name, **kwargs}
        self.ax_ = self.table.plot(column, ax, **kwargs)
        self.figure_, self.container_ = self.ax_.figure, self.ax_.containers[-1]
        if name is not None:
            self.ax_.legend()
        return self
