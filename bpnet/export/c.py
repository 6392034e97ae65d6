# SPDX-License-Identifier: BSD-3-Clause
"""A model as one C99 file that needs nothing but the math library."""

import re

import numpy as np

from bpnet._files import write_whole
from bpnet.export._activations import c_expression
from bpnet.export._c_functions import CALLS, HELPERS, classes_table, decisions
from bpnet.export._decisions import take_apart
from bpnet.export._steps import output_columns, steps

KEYWORDS = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while main".split()
)


def export_c(model, path, name="model"):
    """Write a model as one self-contained C99 file that reproduces its predictions.

    Parameters
    ----------
    model : Network, MLPRegressor or MLPClassifier
        Of any topology, float32 or float64. Estimators must be fitted.
    path : str or os.PathLike
        The file; written whole or not at all.
    name : str, default="model"
        What the names of all its functions begin with.

    Raises
    ------
    TypeError
        For models of another kind, pipelines among them: what they do before the network is left to the caller.
    ValueError
        For a name that is no identifier of C, and for a model with an activation, a loss or class labels that the
        file cannot express, or with parameters that are not finite.

    Notes
    -----
    The functions are reentrant and allocate nothing; the comment on top of the file says how they are called. A call
    costs O(W) and keeps all signals of one sample on the stack. Sums run in another order than in bpnet, so results
    agree to rounding. Source: the forward sweep of Bishop (2006), section 5.1.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from bpnet import Network, Topology, export_c
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.c")
    ...     export_c(Network(Topology.layered([2, 3, 1]), random_state=0), path)
    ...     print(*[line for line in path.read_text().splitlines() if line.startswith("void model_predict(")])
    void model_predict(const double *x, double *y); void model_predict(const double *x, double *y)
    """
    write_whole(path, source(model, name))


def source(model, name="model"):
    """The text of that file."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in KEYWORDS:
        raise ValueError(f"expected a name that is an identifier of C, got {name!r}")
    network, kind, classes = take_apart(model)
    layers = steps(network)
    helpers, body = _sweep(network, layers)
    topology = network.topology
    values = {
        "name": name,
        "NAME": name.upper(),
        "real": "float" if network.dtype == np.float32 else "double",
        "f": "f" if network.dtype == np.float32 else "",
        "n_inputs": topology.n_inputs,
        "n_signals": topology.n_inputs + len(topology.units),
        "n_outputs": topology.n_outputs,
        "n_classes": 0 if classes is None else max(2, topology.n_outputs),
        "single": "int " if kind == "classifier" else "void ",
    }
    prototypes, functions, more = decisions(kind, classes, topology)
    helpers |= more
    parts = [
        CALLS[kind],
        "#include <math.h>",
        "enum { @NAME_INPUTS = @n_inputs, @NAME_SIGNALS = @n_signals, @NAME_OUTPUTS = @n_outputs };",
        "\n".join(f"{line};" for line in prototypes),
        *([classes_table(classes)] if kind == "classifier" else []),
        *_tables(layers),
        *[HELPERS[helper] for helper in HELPERS if helper in helpers],
        *[_activation(activation, network.dtype) for activation in sorted(helpers - set(HELPERS))],
        body,
        *functions,
    ]
    return "\n\n".join(_fill(part, values) for part in parts) + "\n"


def _fill(text, values):
    """The text with @key replaced, longest keys first."""
    keys = sorted(values, key=len, reverse=True)
    return re.sub("@(" + "|".join(keys) + ")", lambda match: str(values[match[1]]), text)


def _tables(layers):
    """Weights and biases of each layer."""
    for k, step in enumerate(layers, start=1):
        for number, (_, weights) in enumerate(step.blocks):
            yield _numbers(f"w{k}_{number}", weights.ravel())
        if step.edges is not None:
            starts, heard, weights = step.edges
            if len(heard):  # C knows no empty arrays
                yield _array("int", f"start{k}", map(str, starts.tolist()))
                yield _array("int", f"heard{k}", map(str, heard.tolist()))
                yield _numbers(f"w{k}", weights)
        yield _numbers(f"b{k}", step.biases)


def _numbers(name, values):
    """Decimal numbers that are read back to the same bits."""
    if values.dtype == np.float32:
        short = (f"{value:.9g}" for value in values.tolist())
        return _array("@real", name, (f"{text}f" if "." in text or "e" in text else f"{text}.0f" for text in short))
    return _array("@real", name, map(repr, values.tolist()))


def _array(kind, name, texts):
    lines, line, n = [], "   ", 0
    for text in texts:
        if len(line) + len(text) > 116:
            lines.append(line)
            line = "   "
        line += f" {text},"
        n += 1
    lines.append(line)
    return f"static const {kind} @name_{name}[{n}] = {{\n" + "\n".join(lines) + "\n};"


def _activation(activation, dtype):
    return f"""static void @name_{activation}(@real *z, int n)
{{
    for (int i = 0; i < n; i++) {{
        const @real a = z[i];
        z[i] = {c_expression(activation, dtype)};
    }}
}}"""


def _sweep(network, layers):
    """The forward sweep as C, and the helpers it calls: names out of `HELPERS`, and activations."""
    helpers, lines = set(), []
    runs = _output_runs(output_columns(network), layers)
    for k, (step, layer) in enumerate(zip(layers, network.topology.layers, strict=True), start=1):
        lines.append(f"    /* {_comment(layer.name)}: {step.n_units} units */")
        lines.append(f"    @name_copy(@name_b{k}, z + {step.first}, {step.n_units});")
        for number, (first, weights) in enumerate(step.blocks):
            n_source = len(weights)
            lines.append(
                f"    @name_dense(z + {first}, {n_source}, @name_w{k}_{number}, z + {step.first}, {step.n_units});"
            )
            helpers.add("dense")
        if step.edges is not None and len(step.edges[1]):
            tables = f"@name_start{k}, @name_heard{k}, @name_w{k}"
            lines.append(f"    @name_sparse(z, {tables}, z + {step.first}, {step.n_units});")
            helpers.add("sparse")
        for first, column, n in runs:
            if step.first <= first < step.first + step.n_units:
                lines.append(f"    @name_copy(z + {first}, a + {column}, {n});")
        for activation, first, n in step.runs:
            if activation != "identity":
                lines.append(f"    @name_{activation}(z + {step.first + first}, {n});")
                helpers.add(activation)
    lines += [f"    @name_copy(z + {first}, y + {column}, {n});" for first, column, n in runs]
    head = """/* One forward sweep: weighted sums a into the outputs, and the outputs y. */
static void @name_sweep(const @real *x, @real *a, @real *y)
{
    @real z[@NAME_SIGNALS]; /* the inputs, then all units */
    @name_copy(x, z, @NAME_INPUTS);
"""
    return helpers | {"copy"}, head + "\n".join(lines) + "\n}"


def _output_runs(columns, layers):
    """Outputs that lie side by side in one layer: (first signal, first output, how many)."""
    ends = {step.first + step.n_units for step in layers}
    runs: list[list[int]] = []
    for output, column in enumerate(columns):
        if runs and column == runs[-1][0] + runs[-1][2] and column not in ends:
            runs[-1][2] += 1
        else:
            runs.append([column, output, 1])
    return runs


def _comment(text):
    """Nothing in a name may end the comment, or stand for another character."""
    return re.sub(r"[^A-Za-z0-9_. -]", "_", text)
