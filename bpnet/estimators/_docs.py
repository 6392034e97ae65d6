# SPDX-License-Identifier: BSD-3-Clause
"""The parts that the docstrings of the regressor and the classifier share."""

PARAMETERS = """hidden_layer_sizes : int or array-like of int, default=(100,)
        Units of each hidden layer; ``()`` is a linear model.
    activation : str, Activation or list, default='relu'
        Of the hidden units: 'identity', 'logistic', 'tanh', 'relu' as in scikit-learn, any other name that `Layer`
        takes, an `Activation` of one's own; or a list with one entry for each hidden layer, each of these or a list
        with one for each unit.
    solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
        Full-batch L-BFGS (good for small data sets), gradient descent on mini-batches, or Adam on mini-batches.
    alpha : float, default=0.0001
        Strength of the penalty alpha / 2 |weights|^2, divided by the weight of the batch; biases are free.
    batch_size : int or 'auto', default='auto'
        Rows per step of 'sgd' and 'adam'; 'auto' is ``min(200, n_samples)``.
    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        Schedule of 'sgd': the initial rate throughout; divided by ``pow(t, power_t)``, t the samples seen; or divided
        by 5 each time the training stagnates.
    learning_rate_init : float, default=0.001
        Initial learning rate of 'sgd' and 'adam'.
    power_t : float, default=0.5
        Exponent of 'invscaling'.
    max_iter : int, default=200
        Most epochs ('sgd', 'adam') or iterations ('lbfgs').
    shuffle : bool, default=True
        Whether 'sgd' and 'adam' take the rows in a new order each epoch.
    random_state : int, RandomState instance or None, default=None
        Of the starting weights, the order of the rows and the validation split. The same integer gives the same fit,
        to the bit.
    tol : float, default=1e-4
        Improvement of the loss (or validation score) that counts; for 'lbfgs' the gradient at which it ends.
    verbose : bool or int, default=False
        Print the loss of each iteration.
    warm_start : bool, default=False
        Whether `fit` goes on from the last fit's parameters.
    momentum : float, default=0.9
        Of 'sgd', from 0 to 1.
    nesterovs_momentum : bool, default=True
        Whether that momentum looks ahead.
    early_stopping : bool, default=False
        Set a part of the rows aside, stop when their score no longer improves, and keep the best parameters.
        Only 'sgd' and 'adam'.
    validation_fraction : float, default=0.1
        That part.
    beta_1, beta_2 : float, default=0.9 and 0.999
        Decay of Adam's first and second moments, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root of Adam's second moment.
    n_iter_no_change : int, default=10
        Epochs without improvement to bear before training stops or slows down.
    max_fun : int, default=15000
        Most evaluations of the loss by 'lbfgs'.
    n_jobs : int, default=None
        Most threads that share the work of a mini-batch ('sgd', 'adam'); None is one, -1 as many as there are
        processors. Fewer are used where a batch has no work for them (less than some 400,000 times rows and parameters
        for each), and within a worker of joblib no more than its share. The result is the same to the last bit.
    topology : Topology or list of Layer, default=None
        The network, in place of `hidden_layer_sizes` and `activation`, which are then ignored: a topology for the
        features and outputs of the data, whose outputs have the activation that the loss wants; or its hidden layers,
        with skip connections, masks and an activation each. In a list the output layer is added at fit and hears the
        last of them; to hear others, it ends with ``Layer(None, sources=...)``, whose size and activation are filled
        in.{MORE}"""

ATTRIBUTES = """coefs_, intercepts_ : list of ndarray
        Weights (units before, units) and biases of each layer: views of the network's parameters, so writing into
        them or assigning an item changes the network. A layer with several sources has the stack of their weights, one
        below the other; where connections are missing, that is a read-only copy with zeros.
    network_ : Network
        The fitted network, the door to its derivatives.
    loss_ : float
        Objective at the end: the data term as a weighted mean over samples, plus the penalty.
    loss_curve_ : list of float
        The same for each epoch ('sgd', 'adam').
    best_loss_ : float or None
        The least of them; None with early stopping.
    validation_scores_ : list of float or None
        With early stopping, the score after each epoch: {score}.
    best_validation_score_ : float or None
        The largest of them.
    n_iter_ : int
        Epochs or iterations run.
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
        cls.__doc__ = cls.__doc__.replace("{PARAMETERS}", PARAMETERS.replace("{MORE}", more)).replace(
            "{ATTRIBUTES}", attributes
        )
        return cls

    return fill
