# SPDX-License-Identifier: BSD-3-Clause
"""The optimizers of the estimators: where they arrive, and when they stop."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import make

from bpnet import Network, Topology, optimizers
from bpnet._core.epoch import Epoch
from bpnet._core.updates import Adam, GradientDescent
from bpnet.objective import Objective
from bpnet.optimizers.lbfgs import lbfgs
from bpnet.optimizers.stochastic import Progress, stochastic
from bpnet.schedules import Adaptive, Constant, InverseScaling

BUDGET = {"max_iter": 20, "max_fun": 15000, "tol": 1e-8}


@pytest.fixture
def line(rng):
    """Linear least squares: a network, the objective and its minimum."""
    X, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    net = Network(Topology.layered([3, 1]), random_state=0)
    solution = np.linalg.lstsq(np.column_stack([X, np.ones(40)]), y)[0].ravel()
    return net, Objective(net, net._data(X, y), 40, 0.0), solution


def test_lbfgs_finds_the_minimum_of_least_squares(line):
    net, objective, solution = line
    start = net.parameters.copy()
    result = lbfgs(objective, start, **BUDGET)
    # SciPy also ends where the value moves by less than 2e-9 of itself; w is known to the root of that.
    assert_allclose(result.x, solution, atol=1e-4)
    assert result.loss == pytest.approx(objective.value_and_gradient(solution)[0], rel=1e-8)
    assert_array_equal(start, net.parameters)
    assert result.status == 0


def test_lbfgs_ends_where_the_gradient_is_small():
    problem = make("chain", loss="binary")
    net = problem.net()
    objective = Objective(net, net._data(problem.X, problem.y), 7, 0.1)
    ends = [lbfgs(objective, problem.w, **BUDGET | {"tol": tol}) for tol in (0.1, 0.01)]
    for result, tol in zip(ends, (0.1, 0.01)):
        assert np.abs(objective.value_and_gradient(result.x)[1]).max() <= tol
    assert 0 < ends[0].nit < ends[1].nit
    assert objective.value_and_gradient(problem.w)[0] > ends[0].loss > ends[1].loss


def test_lbfgs_scales_the_data_term_it_reports_but_not_the_penalty():
    problem = make("chain", loss="binary")
    net = problem.net()
    objective = Objective(net, net._data(problem.X, problem.y), 7, 0.5)
    result = lbfgs(objective, problem.w, **BUDGET, loss_scale=0.25)
    expected = 0.25 * objective.data_term_and_gradient(result.x)[0] + objective.penalty(result.x)
    assert result.loss == pytest.approx(expected, rel=1e-12)


def test_lbfgs_returns_the_type_it_was_given():
    problem = make("chain")
    net = problem.net(np.float32)
    objective = Objective(net, net._data(problem.X, problem.y), 7, 0.1)
    assert lbfgs(objective, net.parameters, **BUDGET).x.dtype == np.float32


@pytest.mark.parametrize("limit", ["max_iter", "max_fun"])
def test_lbfgs_keeps_its_budget(limit):
    problem = make("chain", loss="binary")
    net = problem.net()
    result = lbfgs(Objective(net, net._data(problem.X, problem.y), 7, 0.1), problem.w, **BUDGET | {limit: 3})
    assert result.status == 1
    assert result.nit <= 3 if limit == "max_iter" else result.nfev <= 3 + 20  # a line search is not cut short


def test_lbfgs_prints_a_line_per_iteration_if_asked(line, capsys):
    net, objective, _ = line
    lbfgs(objective, net.parameters, **BUDGET)
    assert capsys.readouterr().out == ""
    result = lbfgs(objective, net.parameters, **BUDGET, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert [text.split(",")[0] for text in lines] == [f"Iteration {k}" for k in range(1, result.nit + 1)]


def test_ctrl_c_ends_lbfgs_with_the_last_iterate(monkeypatch):
    problem = make("chain", loss="binary")
    net = problem.net()
    objective = Objective(net, net._data(problem.X, problem.y), 7, 0.1)
    expected = lbfgs(objective, problem.w, **BUDGET | {"max_iter": 2})
    value_and_gradient, values = objective.value_and_gradient, []

    def interrupted(w):
        values.append(value_and_gradient(w))
        if len(values) > expected.nfev:
            raise KeyboardInterrupt
        return values[-1]

    monkeypatch.setattr(objective, "value_and_gradient", interrupted)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        result = lbfgs(objective, problem.w, **BUDGET)
    assert result.nit == 2 and result.message == "interrupted"
    assert_array_equal(result.x, expected.x)
    assert result.loss == expected.loss


def _training(rule=None, schedule=None, n_samples=30):
    """The pieces of a run: the epoch, its w, the progress and the order of rows."""
    problem = make("chain", loss="binary", n_samples=n_samples)
    net = problem.net()
    rule = rule or Adam(len(problem.w), net.dtype, 0.01)
    data = net._data(problem.X, problem.y)
    epoch = Epoch(problem.topology.plan, net._loss, True, data, net.parameters, rule, 10)
    return epoch, net.parameters, Progress(rule, schedule or Constant()), np.arange(n_samples)


def _run(parts, **more):
    settings = {
        "shuffle": True,
        "max_iter": 5,
        "tol": 1e-4,
        "n_iter_no_change": 3,
        "random_state": np.random.RandomState(0),
    }
    return stochastic(*parts, **settings | more)


def test_stochastic_runs_its_epochs_and_notes_their_losses():
    parts = _training()
    assert _run(parts) == (5, False)
    progress = parts[2]
    assert len(progress.loss_curve) == 5 and progress.loss_curve[-1] < progress.loss_curve[0]
    assert progress.best_loss == min(progress.loss_curve)
    assert progress.n_seen == 150 and progress.rule.n_steps == 15


def test_stochastic_is_run_epoch_with_shuffled_orders():
    _, w, _, order = parts = _training()
    _run(parts)
    other, v, _, rows = _training()
    random = np.random.RandomState(0)
    for _ in range(5):
        random.shuffle(rows)
        other.begin(rows)
        other.advance(60.0)
    assert_array_equal(w, v)
    assert_array_equal(order, rows)


def test_a_run_may_be_continued_bit_for_bit():
    whole, halves = _training(), _training()
    random = np.random.RandomState(0)
    _run(whole)
    for max_iter in (2, 3):
        _run(halves, max_iter=max_iter, random_state=random)
    assert_array_equal(whole[1], halves[1])
    assert whole[2].loss_curve == halves[2].loss_curve


def test_rows_stay_in_order_without_shuffling():
    parts = _training()
    _run(parts, shuffle=False)
    assert_array_equal(parts[3], np.arange(30))


@pytest.mark.parametrize("patience", [0, 3])
def test_training_stops_after_so_many_epochs_without_improvement(patience):
    parts = _training()
    n_iter, converged = _run(parts, tol=10.0, max_iter=100, n_iter_no_change=patience)
    # The first loss improves on infinity; each further one counts, until there are more of them than are borne.
    assert (n_iter, converged) == (patience + 2, True)


def test_adaptive_schedule_lowers_the_rate_before_it_stops(capsys):
    rule = GradientDescent(51, "f8", 1e-5)
    parts = _training(rule, Adaptive())
    n_iter, converged = _run(parts, tol=10.0, max_iter=100, n_iter_no_change=1, verbose=True)
    assert converged and rule.rate == pytest.approx(1e-5 / 25)
    text = capsys.readouterr().out
    assert text.count("Setting learning rate to") == 2
    assert "Training loss did not improve more than tol=10.000000 for 1 consecutive epochs." in text
    assert text.endswith("Learning rate too small. Stopping.\n")
    assert n_iter == 1 + 3 * 2  # the first epoch, and twice for each of three rates


def test_inverse_scaling_counts_samples_over_runs():
    rule = GradientDescent(51, "f8", 0.5)
    parts = _training(rule, InverseScaling(0.5, 0.5))
    _run(parts, max_iter=2)
    _run(parts, max_iter=1)
    assert rule.rate == pytest.approx(0.5 / 91**0.5)


def test_best_validation_score_keeps_its_parameters():
    parts, scores, seen = _training(), iter([0.2, 0.9, 0.5, np.nan, 0.6, 0.3]), []

    def score():
        seen.append(parts[1].copy())
        return next(scores)

    assert _run(parts, max_iter=6, n_iter_no_change=10, score=score) == (6, False)
    progress = parts[2]
    assert_array_equal(progress.validation_scores, [0.2, 0.9, 0.5, np.nan, 0.6, 0.3])
    assert progress.best_validation_score == 0.9 and progress.best_loss is None
    assert_array_equal(progress.best_parameters, seen[1])
    assert (progress.best_parameters != parts[1]).any()


def test_validation_scores_without_improvement_stop_the_training(capsys):
    parts = _training()
    n_iter, converged = _run(parts, max_iter=50, n_iter_no_change=2, score=lambda: 0.5, verbose=True)
    assert (n_iter, converged) == (4, True)
    text = capsys.readouterr().out
    assert "Validation score: 0.500000" in text and "Iteration 4, loss = " in text
    assert text.endswith(
        "Validation score did not improve more than tol=0.000100 for 2 consecutive epochs. Stopping.\n"
    )


def test_nothing_is_printed_unless_asked(capsys):
    _run(_training(), tol=10.0, max_iter=100)
    assert capsys.readouterr().out == ""


def test_losses_are_reported_with_their_scale():
    plain, scaled = _training(), _training()
    _run(plain)
    _run(scaled, loss_scale=0.5)
    assert scaled[2].loss_curve == pytest.approx(np.array(plain[2].loss_curve) / 2, rel=1e-14)


def test_divergence_is_an_error_unless_a_validation_score_guards_it():
    def exploding():
        # Identity units and squares: every step multiplies w.
        problem = make("chain", "identity", n_samples=30)
        net, rule = problem.net(), GradientDescent(51, "f8", 1e3)
        epoch = Epoch(problem.topology.plan, net._loss, True, net._data(problem.X, problem.y), net.parameters, rule, 10)
        return epoch, net.parameters, Progress(rule, Constant()), np.arange(30)

    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        _run(exploding(), max_iter=50)
    parts = exploding()
    _run(parts, max_iter=50, n_iter_no_change=100, score=lambda: -np.abs(parts[1]).sum())
    assert np.isfinite(parts[2].best_parameters).all() and not np.isfinite(parts[1]).all()


def test_ctrl_c_ends_the_training_with_what_was_reached(monkeypatch):
    run_epoch, calls = optimizers.stochastic.run_epoch, []

    def interrupted(epoch, order, rates, until):
        calls.append(order)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run_epoch(epoch, order, rates, until)

    parts, expected = _training(), _training()
    _run(expected, max_iter=2)
    monkeypatch.setattr(optimizers.stochastic, "run_epoch", interrupted)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        assert _run(parts) == (2, True)
    assert_array_equal(parts[1], expected[1])
    assert parts[2].loss_curve == expected[2].loss_curve
