# SPDX-License-Identifier: BSD-3-Clause
"""The parts that the docstrings of the regressor and the classifier share."""

PARAMETERS = """hidden_layer_sizes : int or array-like of int, default=(100,)
        Units of each hidden layer; ``()`` is a linear model.
    activation : str, Activation or list, default='relu'
        Of the hidden units: 'identity', 'logistic', 'tanh', 'relu' as in scikit-learn, any other name that `Layer`
        takes, an `Activation` of one's own; or a list with one entry for each hidden layer, each of these or a list
        with one for each unit.
    solver : {'lbfgs', 'sgd', 'adam', 'rmsprop', 'rprop', 'lm', 'newton-cg', 'trust-ncg', 'scg', 'rprop+'}, \
default='adam'
        Gradient descent, Adam or RMSProp on mini-batches; iRprop-, one step per epoch along the signs of the gradient
        of all rows. On all rows at once, good for small data sets: L-BFGS; Levenberg-Marquardt, whose matrix takes
        O(W^2) of memory for W parameters; Newton's method by conjugate gradients, along lines or within a trust region;
        scaled conjugate gradients; iRprop+. See ``docs/guide/training.md``.
    alpha : float, default=0.0001
        Strength of the penalty alpha / 2 |weights|^2, divided by the weight of the batch; biases are free.
    batch_size : int or 'auto', default='auto'
        Rows per step of 'sgd', 'adam' and 'rmsprop'; 'auto' is ``min(200, n_samples)``, and all rows for 'rprop'.
    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine', 'coslog4', 'one_cycle'} or callable, \
default='constant'
        Schedule. Of 'sgd' and 'rmsprop': the initial rate throughout; divided by ``pow(t, power_t)``, t the samples
        seen; or divided by 5 each time the training stagnates. Of 'sgd', 'adam' and 'rmsprop': a factor of the initial
        rate step by step, as a function of the part of the `max_iter` epochs that is done, from 0 up to 1; see
        `bpnet.schedules.Planned`.
    learning_rate_init : float, default=0.001
        Initial learning rate; of 'rprop' the size of the first step.
    power_t : float, default=0.5
        Exponent of 'invscaling'.
    max_iter : int, default=200
        Most epochs, or iterations of solvers that see all rows at once.
    shuffle : bool, default=True
        Whether the rows are taken in a new order each epoch; not of 'lbfgs'.
    random_state : int, RandomState instance or None, default=None
        Of the starting weights, the order of the rows and the validation split. The same integer gives the same fit,
        to the bit.
    tol : float, default=1e-4
        Improvement of the loss (or validation score) that counts; for 'lbfgs', 'lm', 'newton-cg', 'trust-ncg', 'scg'
        and 'rprop+' the largest component of the gradient at which they end.
    verbose : bool or int, default=False
        Print the loss of each iteration.
    warm_start : bool, default=False
        Whether `fit` goes on from the last fit's parameters.
    momentum : float, default=0.9
        Of 'sgd', from 0 to 1.
    nesterovs_momentum : bool, default=True
        Whether that momentum looks ahead.
    early_stopping : bool, default=False
        Set a part of the rows aside, or take those given to `fit` as `X_val`, stop when their score no longer improves,
        and keep the best parameters. Solvers that see all rows at once ('lbfgs', 'lm', ...) do so for given rows only.
    validation_fraction : float, default=0.1
        That part.
    beta_1, beta_2 : float, default=0.9 and 0.999
        Decay of Adam's first and second moments, in [0, 1). RMSProp has `beta_2` alone, and is used to .9 or .99.
    epsilon : float, default=1e-8
        Added to the root of the second moment.
    n_iter_no_change : int, default=10
        Epochs without improvement to bear before training stops or slows down.
    max_fun : int, default=15000
        Most evaluations of the loss by 'lbfgs', 'lm', 'newton-cg', 'trust-ncg', 'scg' and 'rprop+'.
    n_jobs : int, default=None
        Most threads that share the work of a mini-batch ('sgd', 'adam'); None is one, -1 as many as there are
        processors. Fewer are used where a batch has no work for them (less than some 400,000 times rows and parameters
        for each), and within a worker of joblib no more than its share. The result is the same to the last bit. With
        `n_restarts`, workers that share the starts.
    topology : Topology or list of Layer, default=None
        The network, in place of `hidden_layer_sizes` and `activation`, which are then ignored: a topology for the
        features and outputs of the data, whose outputs have the activation that the loss wants; or its hidden layers,
        with skip connections, masks and an activation each. In a list the output layer is added at fit and hears the
        last of them; to hear others, it ends with ``Layer(None, sources=...)``, whose size and activation are filled
        in.
    initializer : str or callable, default=None
        Starting weights: None as scikit-learn draws them; 'glorot_uniform', 'glorot_normal', 'he_uniform', 'he_normal',
        'lecun_uniform', 'lecun_normal' or 'orthogonal' (see `bpnet.initializers`); 'lsuv', orthogonal and then scaled
        to unit variance on the first 1000 rows; or a function of (topology, random_state) that returns the vector.
    dropout : float or array-like of float, default=0.0
        Probability with which each output of a hidden unit is left out of a step, those that stay are scaled up; one
        for each hidden layer, or one for all. Like the options that follow up to `max_gradient_norm`, but for
        `alpha_l1`, of 'sgd', 'adam' and 'rmsprop' alone.
    input_dropout : float, default=0.0
        The same of the inputs.
    alpha_l1 : float, default=0.0
        Strength of the penalty alpha_l1 |weights|_1, divided by the weight of the batch; biases are free. Weights
        become exactly 0. Not of 'lm', 'newton-cg', 'trust-ncg', 'scg' and 'rprop+'.
    weight_decay : float, default=0.0
        Decoupled: each step begins with w -= rate weight_decay w, for weights alone. With 'adam' this is AdamW.
    max_gradient_norm : float, default=None
        Gradients of batches that are longer, penalties included, are shortened to this.
    frozen : str, int, list of them or array of bool of shape (n_parameters,), default=None
        What keeps its values: layers by name ('h1', ..., 'output') or by place in `coefs_`; or parameters.
    scoring : str or callable, default=None
        What is measured on rows set aside: None is {score}, 'loss' minus the loss; or a scorer of scikit-learn's by
        name, or a function ``scorer(estimator, X, y)``, larger being better.
    callbacks : list of callable, default=None
        Functions that are called after each epoch or iteration with a `bpnet.callbacks.EpochRecord`; training ends
        when one returns True.
    max_time : float, default=None
        Most seconds that a fit takes, within an epoch too: that epoch's steps are taken, but it is not counted.
        Solvers that see all rows at once end after the pass over the data that is under way.
    gradient_tol : float, default=None
        Training ends when the Euclidean norm of the gradient of the whole objective is below it. It is computed after
        each epoch, which costs about one epoch more; lbfgs and its like have it at hand.
    solver_options : dict, default=None
        Numbers by name for 'lm', 'newton-cg', 'trust-ncg', 'scg' and 'rprop+': `ftol`, the least decrease of the
        objective that counts, as a part of it or, where that is below 1, in itself; `xtol`, the shortest step that
        counts, as a part of the length of the parameters; `goal`, the loss at which training ends; and their own, such
        as `mu` of 'lm': see ``docs/guide/training.md``.
    n_restarts : int, default=1
        Starts of which the one with the least loss is kept (with early stopping, the best score). The first is that of
        a fit without restarts.{MORE}"""

CLASS_WEIGHT = """
    class_weight : dict, list of dict or 'balanced', default=None
        Weights of the classes in the loss, times those of the samples; classes left out have weight 1. 'balanced'
        gives all classes the same share. For several labels a list with a dict ``{0: ..., 1: ...}`` for each; the
        weight of a row is then the product over its labels. Scores are not weighted by them."""

ATTRIBUTES = """coefs_, intercepts_ : list of ndarray
        Weights (units before, units) and biases of each layer: views of the network's parameters, so writing into
        them or assigning an item changes the network. A layer with several sources has the stack of their weights, one
        below the other; where connections are missing, that is a read-only copy with zeros.
    network_ : Network
        The fitted network, the door to its derivatives.
    loss_ : float
        Objective at the end: the data term as a weighted mean over samples, plus the penalty. NaN where `max_time` was
        up before an epoch or iteration ended: nothing is known of it.
    loss_curve_ : list of float
        The same for each epoch or iteration.
    validation_loss_curve_ : list of float or None
        Mean loss, without the penalty, on rows set aside, after each epoch or iteration.
    best_loss_ : float or None
        The least of them; None with early stopping.
    validation_scores_ : list of float or None
        Their score: {score}, or what `scoring` says. None where no rows are set aside.
    best_validation_score_ : float or None
        The largest of them; with early stopping that of the parameters kept.
    n_iter_ : int
        Epochs or iterations run.
    n_evaluations_ : int
        Values of the loss with their gradients that a solver which sees all rows at once has computed.
    restart_losses_ : list of float
        With `n_restarts` above 1, `loss_` of each start: infinity where the training diverged, NaN where `max_time`,
        which they share, was up before an epoch or iteration ended. The first such start is kept where all others are
        NaN or infinite too.
    t_ : int
        Samples seen in training.
    n_layers_, n_outputs_ : int
        Layers, inputs and outputs included; output units.
    out_activation_ : str or Activation
        Activation of the output units.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only where X had names for all its columns."""


def share_docs(score, more=""):
    """Class decorator: fill {PARAMETERS}, with more of them at its end, and {ATTRIBUTES} into the docstring."""

    def fill(cls):
        attributes = ATTRIBUTES.replace("{score}", score)
        parameters = PARAMETERS.replace("{score}", score).replace("{MORE}", more)
        cls.__doc__ = cls.__doc__.replace("{PARAMETERS}", parameters).replace("{ATTRIBUTES}", attributes)
        return cls

    return fill
