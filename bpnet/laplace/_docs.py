# SPDX-License-Identifier: BSD-3-Clause
"""The parts that the docstrings of both wrappers share."""

PARAMETERS = """structure : {'full', 'last_layer', 'kronecker', 'diagonal'}, default='full'
        Of the covariance of the parameters: all of it; that of the last layer alone, all others taken as known; for
        each layer a Kronecker product of a matrix of its sources and one of its units, layers independent; or variances
        alone. Memory 16 W^2 bytes, W the number of parameters (of the last layer's); some 24 (sources^2 + units^2) for
        each layer; 16 W.
    alpha : float, 'evidence' or 'validation', default=None
        Precision of the prior of the weights, as the estimator's `alpha`: the fit minimises the sum of losses plus
        alpha / 2 |weights|^2. None is the estimator's own, for 'sgd', 'adam' and 'rmsprop' times the batches per
        epoch, because each of them subtracts the whole penalty. A number changes the posterior and leaves the fit as it
        is. 'evidence' fits the network for the alpha that makes the data most probable; 'validation' for the one that
        predicts rows set aside best, and fits it to all rows then, see the guide. The rows are a share
        `validation_fraction` of all, drawn by `random_state`, both the estimator's, of which the solver plays no part.
    groups : {'one', 'layer', 'input'}, default='one'
        Weights that share an alpha where it is chosen: all; those of a layer; or those out of an
        input, the other layers having one each: 'input' tells which inputs matter.
    max_refits : int, default=30
        Most fits of the network in search of alpha.
    max_memory : float, default=4.0
        Most GiB that the posterior may take; more is a MemoryError before anything is computed."""

ENSEMBLE = """n_estimators : int, default=1
        Networks, each trained from a start of its own and with a posterior of its own; the prediction is the uniform
        mixture of theirs. Several are averaged for what the tangent of one network does not tell: that others fit as
        well and differ elsewhere. Their seeds are drawn from the estimator's `random_state`.
    n_jobs : int, default=None
        Threads that train them; the result is the same for any number."""

ATTRIBUTES = """estimator_ : {KIND}
        The fitted estimator; only where there is one.
    alpha_ : float or ndarray of shape (n_groups,)
        Precision of the prior of the weights, in the unit of the estimator's `alpha`. Of several groups that of each:
        layers in their order, after the inputs where those are groups.
    n_effective_parameters_ : float
        How many the data determine: gamma, the sum of 1 - prior precision times posterior variance.
    log_marginal_likelihood_ : float
        Laplace's approximation of the logarithm of the evidence. Biases have a prior too weak to matter, so compare
        networks with the same number of biases.
    evidence_curve_ : list of float
        Only of alpha='evidence': that of each fit in turn, those that were turned down too.
    validation_scores_ : list of float
        Only of alpha='validation': mean log-likelihood of the rows set aside, of each fit in turn.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only where X had names for all its columns."""

MEMBERS = """estimators_ : list of {OWN}
        Only where `n_estimators` is above 1: wrappers of one network each. The numbers above are arrays then, of shape
        (n_estimators,) or (n_estimators, n_groups), and `evidence_curve_` stands in these alone."""


def share_docs(kind):
    """Class decorator: fill the parts in braces into the docstring."""

    def fill(cls):
        attributes, members = ATTRIBUTES.replace("{KIND}", kind), MEMBERS.replace("{OWN}", cls.__name__)
        parts = {"PARAMETERS": PARAMETERS, "ENSEMBLE": ENSEMBLE, "ATTRIBUTES": attributes, "MEMBERS": members}
        for name, text in parts.items():
            cls.__doc__ = cls.__doc__.replace(f"{{{name}}}", text)
        return cls

    return fill
