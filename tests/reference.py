# SPDX-License-Identifier: BSD-3-Clause
"""The network one unit and one sample at a time, in Python's own numbers, and the update rules in plain NumPy.

No matrices, no matched pairs of activation and loss, no bpnet import: E is a function of the outputs z by its textbook
formula, dE/dz is derived from that, and every delta is h'(a) times the error that arrives. A layer is a dict with
`name`, `n_units`, `activation` (a name, or one per unit), `sources` (names), and perhaps `mask` and `bias`. In place of
layers there may be a list of `Unit`, in an order in which each hears only inputs, ("input", i), and units before it.

Parameters and inputs may be complex: with an imaginary part of 1e-30 times a direction, the imaginary part of any
result is 1e-30 times its exact derivative along it.
"""

import cmath
import math
from collections import namedtuple

import numpy as np

Unit = namedtuple("Unit", "label activation upstream bias")  # upstream: (label, place in w); bias: place or None
Result = namedtuple("Result", "value outputs deltas gradient raw")

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


# An imaginary step so small that nothing but the derivative is left of it.
STEP = 1e-100


def exp(a):
    return cmath.exp(a) if isinstance(a, complex) else math.exp(a)


def tanh(a):
    return cmath.tanh(a) if isinstance(a, complex) else math.tanh(a)


def log(a):
    return cmath.log(a) if isinstance(a, complex) else math.log(a)


def erf(a):
    if isinstance(a, complex):  # to first order in the imaginary part: enough for a complex step
        return complex(math.erf(a.real), a.imag * 2 / math.sqrt(math.pi) * math.exp(-(a.real**2)))
    return math.erf(a)


def sin(a):
    return cmath.sin(a) if isinstance(a, complex) else math.sin(a)


def cos(a):
    return cmath.cos(a) if isinstance(a, complex) else math.cos(a)


def sigma(a):
    return 1 / (1 + exp(-a))


def normal(a):
    return 0.5 * (1 + erf(a / math.sqrt(2)))


def density(a):
    return exp(-a * a / 2) / math.sqrt(2 * math.pi)


ACTIVATIONS = {  # h(a) and h'(a)
    "identity": (lambda a: a, lambda a: 1.0),
    "logistic": (sigma, lambda a: sigma(a) * (1 - sigma(a))),
    "tanh": (tanh, lambda a: 1 - tanh(a) ** 2),
    "relu": (lambda a: a if a.real > 0 else 0 * a, lambda a: float(a.real > 0)),
    "leaky_relu": (lambda a: a if a.real > 0 else 0.01 * a, lambda a: 1.0 if a.real > 0 else 0.01),
    "elu": (lambda a: a if a.real > 0 else exp(a) - 1, lambda a: 1.0 if a.real > 0 else exp(a)),
    "selu": (
        lambda a: SELU_SCALE * (a if a.real > 0 else SELU_ALPHA * (exp(a) - 1)),
        lambda a: SELU_SCALE * (1.0 if a.real > 0 else SELU_ALPHA * exp(a)),
    ),
    "softplus": (lambda a: log(1 + exp(a)), sigma),
    "gelu": (lambda a: a * normal(a), lambda a: normal(a) + a * density(a)),
    "silu": (lambda a: a * sigma(a), lambda a: sigma(a) + a * sigma(a) * (1 - sigma(a))),
    "exp": (exp, exp),
    "sine": (sin, cos),
}


def huber(delta):
    return (
        lambda z, t: (z - t) ** 2 / 2 if abs((z - t).real) <= delta else delta * ((z - t) * sign(z - t) - delta / 2),
        lambda z, t: z - t if abs((z - t).real) <= delta else delta * sign(z - t),
    )


LOSSES = {  # of one output z with target t: the value, and the slope to z
    "squared_error": (lambda z, t: (z - t) ** 2 / 2, lambda z, t: z - t),
    "binary_log_loss": (
        lambda z, t: -t * log(z) - (1 - t) * log(1 - z),
        lambda z, t: (1 - t) / (1 - z) - t / z,
    ),
    "multinomial_log_loss": (lambda z, t: -t * log(z), lambda z, t: -t / z),
    "poisson": (lambda z, t: (t * log(t / z) if t else 0) - t + z, lambda z, t: 1 - t / z),
    "gamma": (lambda z, t: log(z / t) + t / z - 1, lambda z, t: 1 / z - t / (z * z)),
    "absolute_error": (lambda z, t: (z - t) * sign(z - t), lambda z, t: sign(z - t)),
    "huber": huber(1.0),
    "narrow_huber": huber(0.4),
    "log_cosh": (lambda z, t: log_cosh((z - t) * sign(z - t)), lambda z, t: tanh(z - t)),
}


def log_cosh(r):
    """Of r >= 0."""
    return r + log((1 + exp(-2 * r)) / 2)


def sign(r):
    return float((r.real > 0) - (r.real < 0))


LEVELS = (0.1, 0.5, 0.8)


def quantiles(z):
    """The first is the first number, each later one the softplus of its number above the one before."""
    q = [z[0]]
    for a in z[1:]:
        q.append(q[-1] + log(1 + exp(a)))
    return q


def pinball(levels):
    """Value and slopes, functions of z and t."""

    def slopes(z, t):
        own = [1 - level if q.real > t else -level for q, level in zip(quantiles(z), levels)]
        return [sum(own[j:]) * (sigma(z[j]) if j else 1.0) for j in range(len(z))]

    def value(z, t):
        return sum((q - t) * (1 - level if q.real > t else -level) for q, level in zip(quantiles(z), levels))

    return value, slopes


def normal_loss(z, t):
    return (z[1] + (t - z[0]) ** 2 * exp(-z[1])) / 2


def normal_slopes(z, t):
    return [(z[0] - t) * exp(-z[1]), (1 - (t - z[0]) ** 2 * exp(-z[1])) / 2]


def cauchy_loss(z, t):
    """Of a Cauchy distribution, whose centre and logarithm of the width are two outputs; without log(pi)."""
    return z[1] + log(1 + ((t - z[0]) * exp(-z[1])) ** 2)


def cauchy_slopes(z, t):
    u = (z[0] - t) * exp(-z[1])
    return [2 * u * exp(-z[1]) / (1 + u * u), (1 - u * u) / (1 + u * u)]


GROUPED = {  # of some outputs z with one target t: their number, the value, and the slopes
    "quantile": (len(LEVELS), *pinball(LEVELS)),
    "one_quantile": (1, *pinball((0.7,))),
    "gaussian_nll": (2, normal_loss, normal_slopes),
    "cauchy": (2, cauchy_loss, cauchy_slopes),
}


def read_loss(loss, z, t):
    """E_n and its slopes to the outputs z of one sample with targets t."""
    if loss in LOSSES:
        value_of, slope_of = LOSSES[loss]
        pairs = [(z[k], float(t[k])) for k in range(len(z))]
        return sum(value_of(*pair) for pair in pairs), [slope_of(*pair) for pair in pairs]
    size, value_of, slopes_of = GROUPED[loss]
    groups = [(z[k : k + size], float(t[k // size])) for k in range(0, len(z), size)]
    return sum(value_of(*group) for group in groups), [slope for group in groups for slope in slopes_of(*group)]


def units(n_inputs, layers):
    """All units but the inputs in order, each with the places of its parameters in w; and the number of these."""
    if all(isinstance(unit, Unit) for unit in layers):
        return layers, sum(len(unit.upstream) + (unit.bias is not None) for unit in layers)
    sizes, result, place = {"input": n_inputs}, [], 0
    for layer in layers:
        n, activation = layer["n_units"], layer["activation"]
        upstream = [[] for _ in range(n)]
        for source in layer["sources"]:
            mask = layer.get("mask", {}).get(source)
            for i in range(sizes[source]):
                for j in range(n):
                    if mask is None or mask[i][j]:
                        upstream[j].append(((source, i), place))
                        place += 1
        biases = range(place, place + n) if layer.get("bias", True) else [None] * n
        place += n if layer.get("bias", True) else 0
        names = [activation] * n if isinstance(activation, str) else activation
        result += [Unit((layer["name"], j), names[j], upstream[j], biases[j]) for j in range(n)]
        sizes[layer["name"]] = n
    return result, place


def forward(net, x, w):
    """Sum a and output z of every unit for one sample."""
    a, z = {}, {("input", i): value for i, value in enumerate(x)}
    for unit in net:
        a[unit.label] = sum(w[place] * z[label] for label, place in unit.upstream)
        a[unit.label] += 0.0 if unit.bias is None else w[unit.bias]
        if unit.activation == "softmax":
            group = [other.label for other in net if other.activation == "softmax" and other.label in a]
            total = sum(exp(a[label]) for label in group)
            z |= {label: exp(a[label]) / total for label in group}
        else:
            z[unit.label] = ACTIVATIONS[unit.activation][0](a[unit.label])
    return a, z


def backward(net, a, z, w, error):
    """Deltas of every unit for one sample; error is dE/dz of the outputs by label."""
    error, delta = {unit.label: error.get(unit.label, 0.0) for unit in net}, {}
    for unit in reversed(net):
        if unit.activation == "softmax":
            group = [other.label for other in net if other.activation == "softmax"]
            mean = sum(z[label] * error[label] for label in group)
            delta[unit.label] = z[unit.label] * (error[unit.label] - mean)
        else:
            delta[unit.label] = ACTIVATIONS[unit.activation][1](a[unit.label]) * error[unit.label]
        for label, place in unit.upstream:
            if label in error:
                error[label] += w[place] * delta[unit.label]
    return delta


def out_labels(net, outputs):
    """Labels of the output units: `outputs` names units, or layers."""
    return [unit.label for name in outputs for unit in net if _is_part(unit.label, name)]


def _is_part(label, name):
    """Whether a unit is the one of this name, or one of the layer of this name."""
    return label == name or (isinstance(label, tuple) and isinstance(name, str) and label[0] == name)


def evaluate(n_inputs, layers, outputs, loss, w, X, y, sample_weight=None):
    """Result: E, outputs, deltas and gradient of sum_n s_n E_n."""
    net, n_parameters = units(n_inputs, layers)
    kind = np.result_type(np.asarray(w), np.asarray(X), float)
    w, X = np.asarray(w, kind).tolist(), np.asarray(X, kind).tolist()
    out = out_labels(net, outputs)
    weights = [1.0] * len(X) if sample_weight is None else [float(s) for s in sample_weight]
    value, signals, sums, deltas, gradient = 0.0, [], [], [], np.zeros(n_parameters, kind)
    for x, t, s in zip(X, y, weights):
        a, z = forward(net, x, w)
        own, slopes = read_loss(loss, [z[label] for label in out], t)
        value += s * own
        delta = backward(net, a, z, w, {label: s * slope for label, slope in zip(out, slopes)})
        for unit in net:
            for label, place in unit.upstream:
                gradient[place] += delta[unit.label] * z[label]
            if unit.bias is not None:
                gradient[unit.bias] += delta[unit.label]
        signals.append([z[label] for label in out])
        sums.append([a[label] for label in out])
        deltas.append([delta[unit.label] for unit in net])
    shape = len(X), -1
    return Result(value, np.reshape(signals, shape), np.reshape(deltas, shape), gradient, np.reshape(sums, shape))


def hessian(n_inputs, layers, outputs, loss, w, X, y, sample_weight=None):
    """Second derivatives of E: the gradient differentiated to one parameter after the other."""
    steps = 1j * STEP * np.eye(len(w))
    rows = [evaluate(n_inputs, layers, outputs, loss, w + step, X, y, sample_weight).gradient.imag for step in steps]
    return np.array(rows) / STEP


def jacobian(n_inputs, layers, outputs, w, x, raw):
    """Derivatives of the outputs z of one sample, or of their a, to the parameters: (n_outputs, n_parameters)."""
    net, _ = units(n_inputs, layers)
    out = out_labels(net, outputs)
    columns = []
    for step in 1j * STEP * np.eye(len(w)):
        signals = forward(net, x, [complex(value) for value in w + step])[0 if raw else 1]
        columns.append([complex(signals[label]).imag / STEP for label in out])
    return np.transpose(columns)


def second_order_parts(n_inputs, layers, outputs, w, x, y):
    """For the squared error of one sample and linear outputs, unit by unit: a, h'(a), h''(a), error from the units that
    hear it, weights (from column to row), and 1 for outputs."""
    net, _ = units(n_inputs, layers)
    number = {unit.label: k for k, unit in enumerate(net)}
    out = out_labels(net, outputs)
    a, z = forward(net, x, [float(value) for value in w])
    delta = backward(net, a, z, w, {label: z[label] - float(k) for label, k in zip(out, y)})
    weights = np.zeros((len(net), len(net)))
    for unit in net:
        for label, place in unit.upstream:
            if label in number:
                weights[number[unit.label], number[label]] = w[place]
    slopes = [ACTIVATIONS[unit.activation][1] for unit in net]
    sums = [a[unit.label] for unit in net]
    slope = np.array([h(value) for h, value in zip(slopes, sums)])
    curvature = np.array([complex(h(value + 1j * STEP)).imag / STEP for h, value in zip(slopes, sums)])
    error = weights.T @ [delta[unit.label] for unit in net]
    return np.array(sums), slope, curvature, error, weights, np.array([float(unit.label in out) for unit in net])


def sgd(rate, momentum=0.0, nesterov=False):
    """A function that takes one step of w along g."""
    velocity = 0

    def step(w, g):
        nonlocal velocity
        velocity = momentum * velocity - rate * g
        w += momentum * velocity - rate * g if nesterov else velocity

    return step


def adam(rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    """The same for Adam with the bias corrections in the rate."""
    m, v, t = 0, 0, 0

    def step(w, g):
        nonlocal m, v, t
        t += 1
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        w -= rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (np.sqrt(v) + epsilon)

    return step


def rmsprop(rate, decay=0.99, epsilon=1e-8, momentum=0.0):
    """As torch.optim.RMSprop documents it."""
    square, buffer = 0, 0

    def step(w, g):
        nonlocal square, buffer
        square = decay * square + (1 - decay) * g**2
        if momentum > 0:
            buffer = momentum * buffer + g / (np.sqrt(square) + epsilon)
            w -= rate * buffer
        else:
            w -= rate * g / (np.sqrt(square) + epsilon)

    return step


def rprop(rate, shrink=0.5, grow=1.2, least=1e-6, most=50.0):
    """As torch.optim.Rprop documents it: that is iRprop-, weight by weight."""
    before, sizes = None, None

    def step(w, g):
        nonlocal before, sizes
        if sizes is None:
            before, sizes = [0.0] * len(w), [rate] * len(w)
        for i, slope in enumerate(g):
            if before[i] * slope > 0:
                sizes[i] = min(sizes[i] * grow, most)
            elif before[i] * slope < 0:
                sizes[i] = max(sizes[i] * shrink, least)
                slope = 0.0
            w[i] -= sizes[i] * np.sign(slope)
            before[i] = slope

    return step


RULES = {"sgd": sgd, "adam": adam, "rmsprop": rmsprop, "rprop": rprop}
