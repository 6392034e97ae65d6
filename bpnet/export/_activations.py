# SPDX-License-Identifier: BSD-3-Clause
"""What each activation is in other languages: one line here for each, and every exporter knows it.

C: an expression in `a`, of C99's math library, with double constants; for float `c_expression` rewrites it. ONNX: a
function of a graph (`bpnet.export._graph.Graph`) and the name of a tensor.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

SELU, SELU_ALPHA = 1.0507009873554805, 1.7580993408473768  # Klambauer et al. (2017): lambda, and lambda alpha


class Forms(NamedTuple):
    """One activation in each language."""

    c: str | None
    onnx: Callable


def _logistic_c(numerator):
    # Neither branch overflows, and small values keep their digits.
    return f"a >= 0 ? {numerator} / (1 + exp(-a)) : {numerator} * exp(a) / (1 + exp(a))"


def _elu(g, a, positive=1.0, negative=1.0):
    """positive a where a > 0, else negative (e^a - 1)."""
    upper = g("Mul", g("Max", a, g.number(0)), g.number(positive))
    lower = g("Sub", g("Exp", g("Min", a, g.number(0))), g.number(1))
    return g("Add", upper, g("Mul", lower, g.number(negative)))


def _softplus(g, a):
    rest = g("Log", g("Add", g("Exp", g("Neg", g("Abs", a))), g.number(1)))
    return g("Add", g("Max", a, g.number(0)), rest)


# ONNX has operators LeakyRelu, Elu, Selu, Softplus and Gelu, but their attributes are float32, or runtimes know them
# for float32 alone: they are put together from operators that exist for both types.
TABLE = {
    "identity": Forms("a", lambda g, a: a),
    "logistic": Forms(_logistic_c("1"), lambda g, a: g("Sigmoid", a)),
    "tanh": Forms("tanh(a)", lambda g, a: g("Tanh", a)),
    "relu": Forms("a <= 0 ? 0 : a", lambda g, a: g("Relu", a)),
    "leaky_relu": Forms("a <= 0 ? 0.01 * a : a", lambda g, a: g("Max", a, g("Mul", a, g.number(0.01)))),
    "elu": Forms("a > 0 ? a : expm1(a)", _elu),
    "selu": Forms(f"a > 0 ? {SELU} * a : {SELU_ALPHA} * expm1(a)", lambda g, a: _elu(g, a, SELU, SELU_ALPHA)),
    "softplus": Forms("(a > 0 ? a : 0) + log1p(exp(-fabs(a)))", _softplus),
    "gelu": Forms("0.5 * a * erfc(-0.7071067811865476 * a)", lambda g, a: g("Mul", a, g.normal_distribution(a))),
    "silu": Forms(_logistic_c("a"), lambda g, a: g("Mul", a, g("Sigmoid", a))),
    "exp": Forms("exp(a)", lambda g, a: g("Exp", a)),
    # Couples the units of its layer: in C a function of its own.
    "softmax": Forms(None, lambda g, a: g("Softmax", a, axis=1)),
}


def forms(activation):
    """The `Forms` of an activation; ValueError for one that is not in the table, as a user's own."""
    if not isinstance(activation, str) or activation not in TABLE:
        raise ValueError(f"cannot export the activation {activation!r}: expected one out of {', '.join(TABLE)}")
    return TABLE[activation]


def c_expression(activation, dtype):
    """The C expression for float64 (double) or float32 (float)."""
    text = forms(activation).c
    if dtype.itemsize == 4:
        text = re.sub(r"\b(exp|expm1|log1p|tanh|erfc|fabs)\(", r"\1f(", text)
        text = re.sub(r"\b(\d+\.\d+)\b", r"\1f", text)
    return text
