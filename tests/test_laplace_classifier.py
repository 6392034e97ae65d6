# SPDX-License-Identifier: BSD-3-Clause
"""Moderated probabilities against MacKay's formula, and means over samples of the posterior."""

import numpy as np
import pytest
from laplace_nets import NET, STRUCTURES, numeric_jacobian
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from bpnet import LaplaceClassifier, MLPClassifier
from bpnet.laplace import _prior
from bpnet.laplace._moderation import pairwise_probit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_moderated_probabilities_are_mackays_and_the_mean_over_the_posterior(iris, rng):
    X, y = iris[0][50:], iris[1][50:]
    model = LaplaceClassifier(MLPClassifier(**NET)).fit(X, y)
    net = model.estimator_.network_
    J, p = numeric_jacobian(net, X)[:, 0], net.predict(X)[:, 0]
    prior = _prior.precisions(_prior.groups_of(net.topology, "one"), [0.5])
    v = np.einsum("nv,vw,nw->n", J, np.linalg.inv((J.T * p * (1 - p)) @ J + np.diag(prior)), J)
    a = net.predict_raw(X)[:, 0]
    moderated = model.predict_proba(X)
    assert_allclose(moderated[:, 1], expit(a / np.sqrt(1 + np.pi * v / 8)), rtol=1e-6)
    assert_allclose(moderated.sum(axis=1), 1)
    # The probit's error is at most .02 or so (Spiegelhalter and Lauritzen 1990).
    draws = expit(a[:, None] + np.sqrt(v)[:, None] * rng.normal(size=(len(a), 20000)))
    assert abs(moderated[:, 1] - draws.mean(axis=1)).max() < 0.025
    plain = model.predict_proba(X, moderated=False)
    assert_array_equal(plain, model.estimator_.predict_proba(X))
    assert (abs(moderated - 0.5) < abs(plain - 0.5)).all()
    assert_array_equal(model.predict(X), model.estimator_.predict(X))


def test_pairwise_probit_is_near_the_mean_of_the_softmax(rng):
    a, root = 2 * rng.normal(size=(50, 4)), rng.normal(size=(50, 4, 4))
    cov = root @ root.transpose(0, 2, 1)
    draws = a[:, None] + np.einsum("nij,nsj->nsi", root, rng.normal(size=(50, 20000, 4)))
    truth, ours = softmax(draws, axis=2).mean(axis=1), pairwise_probit(a, cov)
    plain = abs(softmax(a, axis=1) - truth)
    extended = softmax(a / np.sqrt(1 + np.pi / 8 * np.einsum("nkk->nk", cov)), axis=1)
    # Variances of 4 are an uncommonly hard case.
    assert abs(ours - truth).mean() < plain.mean() / 2
    assert abs(ours - truth).mean() < abs(extended - truth).mean() / 1.2
    assert_allclose(ours.sum(axis=1), 1)
    assert_allclose(pairwise_probit(a, 0 * cov), softmax(a, axis=1), rtol=1e-12)
    # What all outputs share means nothing.
    assert_allclose(pairwise_probit(a + 7, cov + 1e3), ours, rtol=1e-9)
    # Two classes are MacKay's.
    v = cov[:, 0, 0] + cov[:, 1, 1] - 2 * cov[:, 0, 1]
    two = pairwise_probit(a[:, :2], cov[:, :2, :2])
    assert_allclose(two[:, 0], expit((a[:, 0] - a[:, 1]) / np.sqrt(1 + np.pi * v / 8)), rtol=1e-12)
    assert np.isfinite(pairwise_probit(1e4 * a, cov)).all()


@pytest.mark.parametrize("structure", STRUCTURES)
def test_more_classes_and_labels_are_moderated(iris, structure):
    X, y = iris
    bits = np.column_stack([y < 2, y > 0]).astype(int)
    for target, total in ((np.array(["a", "b", "c"])[y], 1), (bits, None)):
        model = LaplaceClassifier(MLPClassifier(**NET), structure=structure).fit(X, target)
        moderated, plain = model.predict_proba(5 * X), model.predict_proba(5 * X, moderated=False)
        assert moderated.shape == plain.shape
        entropy = [-(p * np.log(p)).sum(axis=1).mean() for p in (moderated, plain)]
        assert entropy[0] > entropy[1]
        assert model.score(X, target) > 0.9
        if total:
            assert_allclose(moderated.sum(axis=1), 1)
            assert_array_equal(model.predict(X), model.classes_[model.predict_proba(X).argmax(axis=1)])


def test_classes_weigh_as_they_do_in_training(iris):
    X, y = iris
    net = MLPClassifier(class_weight={1: 3.0}, **NET)
    by_class = LaplaceClassifier(net).fit(X, y)
    s = np.where(y == 1, 3.0, 1.0)
    plain = clone(by_class.estimator_).set_params(class_weight=None).fit(X, y, s)
    plain.network_.parameters = by_class.estimator_.network_.parameters
    by_row = LaplaceClassifier(FrozenEstimator(plain)).fit(X, y, s)
    assert_allclose(by_class.log_marginal_likelihood_, by_row.log_marginal_likelihood_, rtol=1e-10)
    assert_allclose(by_class.predict_proba(X), by_row.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_evidence_is_of_the_smoothed_targets(iris, n_classes):
    X, y = iris[0], iris[1] % n_classes
    model = LaplaceClassifier(MLPClassifier(label_smoothing=0.2, **NET)).fit(X, y)
    net, E = model.estimator_, model.estimator_.loss_ * len(X)  # with the penalty
    prior = _prior.precisions(_prior.groups_of(net.network_.topology, "one"), [0.5])
    targets = np.eye(n_classes)[y][:, n_classes == 2 :]
    log_det = np.linalg.slogdet(net.network_.gauss_newton(X, targets) + np.diag(prior))[1]
    assert_allclose(model.log_marginal_likelihood_, -E + (np.log(prior).sum() - log_det) / 2, rtol=1e-8)
