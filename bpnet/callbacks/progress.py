# SPDX-License-Identifier: BSD-3-Clause
"""A bar that fills as epochs pass."""


class ProgressBar:
    """Callback that shows epochs, their losses and the time left (`pip install bpnet[progress]`).

    Parameters
    ----------
    **settings
        For `tqdm.auto.tqdm`: ``file``, ``leave``, ``desc``, ...

    Examples
    --------
    >>> from bpnet import MLPRegressor
    >>> from bpnet.callbacks import ProgressBar
    >>> model = MLPRegressor(callbacks=[ProgressBar()])  # doctest: +SKIP
    """

    def __init__(self, **settings):
        _tqdm()
        self.settings = settings
        self._bar = None

    def __call__(self, record):
        """Move the bar to the record's epoch."""
        if self._bar is None:
            settings = {"total": record.max_iter, "initial": record.epoch - 1, "unit": "epoch"}
            self._bar = _tqdm()(**settings | self.settings)
        shown = {"loss": record.loss, "validation": record.validation_loss, "score": record.validation_score}
        self._bar.set_postfix({name: f"{x:.4g}" for name, x in shown.items() if x is not None}, refresh=False)
        self._bar.update()

    def end(self):
        """Leave the bar as it stands; the next fit gets one of its own."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __getstate__(self):
        # Copies of an estimator, in other processes too, draw bars of their own.
        return {"settings": self.settings, "_bar": None}


def _tqdm():
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("a progress bar needs tqdm: pip install bpnet[progress]") from error
    return tqdm
