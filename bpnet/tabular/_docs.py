# SPDX-License-Identifier: BSD-3-Clause
"""The parts that the docstrings of the two presets share."""

SUMMARY = """Numeric columns are standardised, categorical ones one-hot encoded, missing values noted and filled in.
    Every second net reads a piecewise linear encoding of the numbers as well, up to 2000 rows every one: nets that see
    different things average better, and where rows are few it saves them from finding the bends.
    Each net is trained by Adam with a cosine schedule on all rows but one fold, ends when more than 12 epochs have
    brought no lower loss on that fold, and keeps the parameters of its best epoch there; so no row is lost to
    validation, and no parameter has to be tuned before it works.
    ``docs/guide/tabular.md`` shows how well it does."""

PARAMETERS = """n_estimators : int, default=5
        Nets. Each is judged on a fold of its own; the folds are `max(n_estimators, 5)`, so that a single net is trained
        on four fifths of the rows.
    hidden_layer_sizes : int or array-like of int{or_auto}, default={sizes}
        {sizes_note}
    activation : str, default={activation!r}
        Of the hidden units; any name that `Layer` knows.
    dropout : float or array-like of float, default={dropout}
        Probability with which a hidden output is left out of a step; one for each hidden layer, or one for all.
    input_dropout : float or 'auto', default={input_dropout}
        Probability with which a column is left out of a row's step: noise that keeps nets from trusting single columns,
        which they do where rows are few. 'auto' is 50 / n_samples, 0.2 at most, to hundredths.
    learning_rate_init : float, default=0.008
        Learning rate at the start; it falls to 0 along half a cosine.
    max_iter : int, default=32
        Epochs of each net at most, and the length of the schedule.
    batch_size : int or 'auto', default='auto'
        Rows a step. 'auto' is the power of two that is nearest to n_samples / 90, from 16 to 128.
    categorical_features : 'from_dtype', array-like of str, int or bool, or None, default='from_dtype'
        Columns of categories, by name, position or mask. 'from_dtype' takes the columns of a DataFrame that hold
        strings, categories, booleans or objects, and none of an array.
    n_jobs : int, default=None
        Nets that are trained at once, in threads; None is one, -1 as many as there are processors. The result is the
        same to the last bit.
    random_state : int, RandomState instance or None, default=None
        Of the folds, and of each net's start, order of rows and dropout.
    verbose : bool or int, default=False
        Print a line for each net that is trained."""

ATTRIBUTES = """estimators_ : list
        The nets, fitted `{net}`; they read what `preprocessor_` makes of the columns, and those of `ramped_` what
        `ramps_` makes of that.
    preprocessor_ : ColumnTransformer
        Fitted to all rows.
    ramps_ : transformer
        Adds the piecewise linear encoding to prepared columns: `ramps_.transform(preprocessor_.transform(X))`.
    ramped_ : ndarray of bool of shape (n_estimators,)
        Which nets read the ramps: 1, 3, ..., or all where there are at most 2000 rows.
    folds_ : ndarray of shape (n_samples,)
        The fold of each row, in the order of the rows (those of weight 0 left out): net k was judged on fold k. -1 for
        the only row of a class, which every net has learnt from.
    n_iter_ : int
        Epochs of the net that took the most.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only where X had names for all its columns."""

NOTES = """All nets work in float32, predictions are averaged in float64. Sparse matrices are refused: their columns are
    not a table's. The validation losses of the nets say nothing about the average, which is better; to measure that,
    set rows aside or cross-validate.

    Most of the recipe is that of Holzmueller, Grinsztajn and Steinwart, "Better by default", 2024; what had no
    measurable effect was left out."""


def share_docs(sizes, activation, dropout, input_dropout, sizes_note="Units of each hidden layer."):
    """Class decorator: fill the parts into the docstring."""

    def fill(cls):
        parameters = PARAMETERS.replace("{activation!r}", repr(activation)).replace("{dropout}", dropout)
        parameters = parameters.replace("{input_dropout}", input_dropout).replace("{sizes}", sizes)
        parameters = parameters.replace("{sizes_note}", sizes_note)
        parameters = parameters.replace("{or_auto}", " or 'auto'" if "auto" in sizes else "")
        parts = {"SUMMARY": SUMMARY, "PARAMETERS": parameters, "NOTES": NOTES}
        parts["ATTRIBUTES"] = ATTRIBUTES.replace("{net}", cls._net_class.__name__)
        for name, text in parts.items():
            cls.__doc__ = cls.__doc__.replace(f"{{{name}}}", text)
        return cls

    return fill
