# SPDX-License-Identifier: BSD-3-Clause
"""What estimators of scikit-learn that hold a classifier read of it, where skl2onnx does not tell its converter."""

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline

from bpnet.estimators.classifier import MLPClassifier


def reads_decisions(model, holders, options):
    """Whether a model is to give its decisions, not its probabilities.

    skl2onnx says so by the option `raw_scores` of what is read. Pipelines and searches have no use for it and do not
    pass it on to the classifier in them, which then would give probabilities to a sigmoid that was fitted to decisions.

    Parameters
    ----------
    model : MLPClassifier
    holders : list
        All estimators in the graph.
    options : dict
        Those of skl2onnx by the ids of estimators.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        Where a pipeline or search does not pass it on to a classifier of another kind.
    """
    found = False
    for outer in _read(holders, options):
        inner = _innermost(outer)
        if inner is model:
            found = True
        elif inner is not outer and not isinstance(inner, MLPClassifier) and not _is_raw(inner, options):
            # A classifier without either of these gives the right numbers unasked.
            if hasattr(inner, "decision_function") and hasattr(inner, "predict_proba"):
                raise ValueError(
                    f"cannot export the decisions of a {type(inner).__name__} in a {type(outer).__name__}, which a "
                    "calibration or a stack reads: skl2onnx has its probabilities in place of them"
                )
    return found


def _read(holders, options):
    """All whose decisions are read, down to the members of ensembles."""
    read = [holder for holder in holders if _is_raw(holder, options)]
    for holder in holders:
        if isinstance(holder, CalibratedClassifierCV):
            read += [part.estimator for part in holder.calibrated_classifiers_]
        elif isinstance(holder, StackingClassifier):
            pairs = zip(holder.estimators_, holder.stack_method_, strict=True)
            read += [estimator for estimator, method in pairs if method == "decision_function"]
    for holder in read:  # which grows
        inner = _innermost(holder)
        if isinstance(inner, BaggingClassifier | OneVsRestClassifier):
            read += inner.estimators_
        elif isinstance(inner, StackingClassifier):
            read.append(inner.final_estimator_)
    return read


def _is_raw(holder, options):
    return options.get(id(holder), {}).get("raw_scores", False)


def _innermost(holder):
    """The estimator whose decisions are those of the holder."""
    while isinstance(holder, Pipeline | GridSearchCV):
        holder = holder.steps[-1][1] if isinstance(holder, Pipeline) else holder.best_estimator_
    return holder


def check_holders(holders):
    """ValueError for what skl2onnx converts to a graph that says something else, whatever the classifier in it."""
    for holder in holders:
        if isinstance(holder, CalibratedClassifierCV) and holder.method == "isotonic":
            raise ValueError(
                "cannot export a calibration with method='isotonic': skl2onnx makes steps of its lines; "
                "method='sigmoid' converts"
            )
        if isinstance(holder, TunedThresholdClassifierCV):
            raise ValueError("cannot export a TunedThresholdClassifierCV: skl2onnx leaves out its threshold")
        if (
            isinstance(holder, StackingClassifier)
            and len(holder.classes_) == 2
            and "decision_function" in holder.stack_method_
        ):
            raise ValueError(
                "cannot export a stack with stack_method='decision_function' of two classes: skl2onnx has two columns "
                "in place of one; stack_method='predict_proba' converts"
            )
