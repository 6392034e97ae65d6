# SPDX-License-Identifier: BSD-3-Clause
"""LossCurveDisplay: the loss of each epoch, and the loss or the score of the validation rows."""

from collections.abc import Mapping

import numpy as np

from bpnet._extras import extra
from bpnet.displays._models import innermost


class LossCurveDisplay:
    """Losses epoch by epoch, of one or several fits; best made by `from_estimator` or `from_cv_results`.

    Parameters
    ----------
    losses : list of array-like of shape (n_epochs,)
        One for each fit.
    validation_losses, validation_scores : list of array-like of shape (n_epochs,) or None, optional
        The same, with None for a fit that has none.
    names : list of str, optional
        Of the fits, for the legend.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    lines_ : list of matplotlib.lines.Line2D
        The losses, one line for each fit.
    validation_lines_, score_lines_ : list of matplotlib.lines.Line2D or None
        Validation losses, dashed, and validation scores, dotted; None where they are not drawn.
    score_ax_ : matplotlib.axes.Axes or None
        The axis on the right, if scores are drawn.
    legend_ : matplotlib.legend.Legend or None
        Where there is more than one line.

    Examples
    --------
    >>> from bpnet import LossCurveDisplay, MLPClassifier
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier(early_stopping=True, random_state=0).fit(X / 16, y)
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> len(display.lines_[0].get_ydata()) == model.n_iter_
    True
    """

    def __init__(self, *, losses, validation_losses=None, validation_scores=None, names=None):
        n = len(losses)
        self.losses = [np.asarray(curve, float) for curve in losses]
        self.validation_losses = _curves(validation_losses, n, "validation_losses")
        self.validation_scores = _curves(validation_scores, n, "validation_scores")
        self.names = [""] * n if names is None else list(names)
        if len(self.names) != n:
            raise ValueError(f"expected a name for each of {n} fits, got {len(self.names)}")

    @classmethod
    def from_estimator(cls, estimator, *, name=None, log_scale=None, scores=None, ax=None, **kwargs):
        """Draw the curves of fitted estimators.

        Parameters
        ----------
        estimator : estimator, or list or dict of {str: estimator}
            Fitted by mini-batches; or a pipeline that ends in such a one, or a search, which shows its best. Any
            estimator with `loss_curve_` will do; `validation_loss_curve_` and `validation_scores_` are drawn if it has
            them.
        name : str or list of str, optional
            For the legend. By default the keys of a dict; else the types, numbered if there are several.
        log_scale, scores, ax, **kwargs
            As for `plot`.

        Returns
        -------
        LossCurveDisplay
        """
        is_dict, is_several = isinstance(estimator, Mapping), isinstance(estimator, list | tuple)
        models = list(estimator.values()) if is_dict else list(estimator) if is_several else [estimator]
        if not models:
            raise ValueError("expected at least one estimator, got none")
        models = [innermost(model) for model in models]
        for model in models:
            if getattr(model, "loss_curve_", None) is None:
                raise ValueError(f"expected fitted estimators with a loss_curve_, got {type(model).__name__} without")
        if name is None:
            types = [type(model).__name__ for model in models]
            name = list(estimator) if is_dict else [f"{kind} {k}" for k, kind in enumerate(types)]
            name = [""] if len(models) == 1 and not is_dict else name
        display = cls(
            losses=[model.loss_curve_ for model in models],
            validation_losses=[getattr(model, "validation_loss_curve_", None) for model in models],
            validation_scores=[getattr(model, "validation_scores_", None) for model in models],
            names=[name] if isinstance(name, str) else name,
        )
        return display.plot(ax, log_scale=log_scale, scores=scores, **kwargs)

    @classmethod
    def from_cv_results(cls, cv_results, *, name=None, log_scale=None, scores=None, ax=None, **kwargs):
        """Draw the curves of each fold of `sklearn.model_selection.cross_validate`.

        Parameters
        ----------
        cv_results : dict
            Its result with ``return_estimator=True``.
        name : list of str, optional
            Of the folds.
        log_scale, scores, ax, **kwargs
            As for `plot`.

        Returns
        -------
        LossCurveDisplay
        """
        if not isinstance(cv_results, Mapping) or "estimator" not in cv_results:
            raise ValueError("expected the result of cross_validate with return_estimator=True")
        models = list(cv_results["estimator"])
        name = [f"fold {k}" for k in range(len(models))] if name is None else name
        return cls.from_estimator(models, name=name, log_scale=log_scale, scores=scores, ax=ax, **kwargs)

    def plot(self, ax=None, *, log_scale=None, scores=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            By default one of a new figure.
        log_scale : bool, optional
            Of the losses; by default where all are positive.
        scores : bool, optional
            Whether to draw the validation scores, on an axis of their own; by default those of fits without
            validation losses.
        **kwargs
            For `matplotlib.axes.Axes.plot`: of all lines, but the colour and dashes of those for validation.

        Returns
        -------
        LossCurveDisplay
            Itself.
        """
        pyplot = extra("matplotlib.pyplot", "plot")
        ax = pyplot.subplots(layout="constrained")[1] if ax is None else ax
        drawn = [*self.losses, *(curve for curve in self.validation_losses if curve is not None)]
        if log_scale is None:
            log_scale = all((curve > 0).all() for curve in drawn)
        self.ax_, self.figure_, self.score_ax_ = ax, ax.figure, None
        self.lines_ = [
            _draw(ax, curve, name, "training loss", **kwargs)
            for curve, name in zip(self.losses, self.names, strict=True)
        ]
        again = [{**kwargs, "color": line.get_color()} for line in self.lines_]
        self.validation_lines_ = [
            None if curve is None else _draw(ax, curve, name, "validation loss", **{**style, "linestyle": "--"})
            for curve, name, style in zip(self.validation_losses, self.names, again, strict=True)
        ]
        wanted = [
            curve if (other is None if scores is None else scores) else None
            for curve, other in zip(self.validation_scores, self.validation_losses, strict=True)
        ]
        if any(curve is not None for curve in wanted):
            self.score_ax_ = ax.twinx()
            self.score_ax_.set_ylabel("validation score")
        self.score_lines_ = [
            None if curve is None else _draw(self.score_ax_, curve, name, "validation score", **{**style, "ls": ":"})
            for curve, name, style in zip(wanted, self.names, again, strict=True)
        ]
        ax.set(xlabel="epoch", ylabel="loss", yscale="log" if log_scale else "linear")
        lines = [*self.lines_, *filter(None, self.validation_lines_), *filter(None, self.score_lines_)]
        # On the axis that is drawn last, so that no line runs across it.
        top = self.score_ax_ or ax
        self.legend_ = top.legend(handles=lines, loc="center right") if len(lines) > 1 else None
        return self


def _curves(curves, n, name):
    """A list of n arrays or None."""
    if curves is None:
        return [None] * n
    if len(curves) != n:
        raise ValueError(f"expected {name} for each of {n} fits, got {len(curves)}")
    return [None if curve is None else np.asarray(curve, float) for curve in curves]


def _draw(ax, curve, name, kind, **style):
    label = f"{name}, {kind}" if name else kind
    return ax.plot(np.arange(1, len(curve) + 1), curve, **{"label": label, **style})[0]
