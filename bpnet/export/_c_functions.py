# SPDX-License-Identifier: BSD-3-Clause
"""The parts of an exported C file that are the same for every network: its head, small loops, and decisions.

`@name`, `@NAME`, `@real` (float or double), `@f` (the suffix of float's functions) and counts are filled in by
`bpnet.export.c`.
"""

_HEAD = """/* A trained network, written by bpnet: one C99 file that needs nothing but the math library (-lm).
 *
 * Declare what you call as below, or include this file. x holds @n_inputs inputs, preprocessed as in training.
 * All functions are reentrant and allocate nothing; a call keeps @n_signals numbers on the stack.
 *
"""
_OUTPUTS = """ *     @real x[@n_inputs], y[@n_outputs];
 *     @name_predict(x, y);          the outputs
 *     @name_predict_raw(x, y);      the weighted sums into the output units
 */"""

#: The comment on top, for each kind of model.
CALLS = {
    "network": _HEAD + _OUTPUTS,
    "regressor": _HEAD + _OUTPUTS,
    "classifier": _HEAD
    + """ *     @real x[@n_inputs], p[@n_classes], a[@n_outputs];
 *     int k = @name_predict(x);             number of the class, whose label is @name_classes[k]
 *     @name_predict_proba(x, p);            probability of each class
 *     @name_predict_log_proba(x, p);        its logarithm, exact at saturation too
 *     @name_predict_raw(x, a);              the decision function
 */""",
    "multilabel": _HEAD
    + """ *     int labels[@n_outputs]; @real x[@n_inputs], p[@n_outputs];
 *     @name_predict(x, labels);             1 for each label that holds, else 0
 *     @name_predict_proba(x, p);            probability of each label
 *     @name_predict_log_proba(x, p);        its logarithm, exact at saturation too
 *     @name_predict_raw(x, p);              the decision function
 */""",
}

HELPERS = {
    "copy": """static void @name_copy(const @real *from, @real *to, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = from[i];
}""",
    "dense": """/* a += z W, the weights of each source unit side by side. */
static void @name_dense(const @real *z, int n_source, const @real *w, @real *a, int n)
{
    for (int i = 0; i < n_source; i++)
        for (int j = 0; j < n; j++)
            a[j] += z[i] * w[i * (long)n + j];
}""",
    "sparse": """/* a += what each unit hears. */
static void @name_sparse(const @real *z, const int *start, const int *heard, const @real *w, @real *a, int n)
{
    for (int j = 0; j < n; j++)
        for (int k = start[j]; k < start[j + 1]; k++)
            a[j] += z[heard[k]] * w[k];
}""",
    "argmax": """static int @name_argmax(const @real *a, int n)
{
    int top = 0;
    for (int i = 1; i < n; i++)
        if (a[i] > a[top])
            top = i;
    return top;
}""",
    "softmax": """static void @name_softmax(@real *z, int n)
{
    @real largest = z[0], total = 0;
    for (int i = 1; i < n; i++)
        largest = z[i] > largest ? z[i] : largest;
    for (int i = 0; i < n; i++) {
        z[i] = exp@f(z[i] - largest);
        total += z[i];
    }
    for (int i = 0; i < n; i++)
        z[i] /= total;
}""",
    "sigma": """/* 1 / (1 + e^-a), small values with all digits. */
static @real @name_sigma(@real a)
{
    return a >= 0 ? 1 / (1 + exp@f(-a)) : exp@f(a) / (1 + exp@f(a));
}""",
    "log_sigma": """static @real @name_log_sigma(@real a)
{
    return (a < 0 ? a : 0) - log1p@f(exp@f(-fabs@f(a)));
}""",
}

_RAW = """void @name_predict_raw(const @real *x, @real *a)
{
    @real y[@NAME_OUTPUTS];
    @name_sweep(x, a, y);
}"""

_PREDICT = """void @name_predict(const @real *x, @real *y)
{
    @real a[@NAME_OUTPUTS];
    @name_sweep(x, a, y);
}"""

_CLASSIFY = """int @name_predict(const @real *x)
{
    @real a[@NAME_OUTPUTS];
    @name_predict_raw(x, a);
    return %s;
}"""

_LABELS = """void @name_predict(const @real *x, int *labels)
{
    @real a[@NAME_OUTPUTS];
    @name_predict_raw(x, a);
    for (int k = 0; k < @NAME_OUTPUTS; k++)
        labels[k] = a[k] > 0;
}"""

_BOTH = """void @name_%s(const @real *x, @real *p)
{
    @real a[@NAME_OUTPUTS];
    @name_predict_raw(x, a);
    p[0] = @name_%s(-a[0]);
    p[1] = @name_%s(a[0]);
}"""

_PROBA = """void @name_predict_proba(const @real *x, @real *p)
{
    @real a[@NAME_OUTPUTS];
    @name_sweep(x, a, p);
}"""

_LOG_LABELS = """void @name_predict_log_proba(const @real *x, @real *p)
{
    @name_predict_raw(x, p);
    for (int k = 0; k < @NAME_OUTPUTS; k++)
        p[k] = @name_log_sigma(p[k]);
}"""

# log p_k = (a_k - a_top) - log(1 + rest), where the rest leaves the largest out: a sure class keeps its tiny loss.
_LOG_SOFTMAX = """void @name_predict_log_proba(const @real *x, @real *p)
{
    @real largest, rest = 0;
    @name_predict_raw(x, p);
    const int top = @name_argmax(p, @NAME_OUTPUTS);
    largest = p[top];
    for (int k = 0; k < @NAME_OUTPUTS; k++) {
        p[k] -= largest;
        if (k != top)
            rest += exp@f(p[k]);
    }
    for (int k = 0; k < @NAME_OUTPUTS; k++)
        p[k] -= log1p@f(rest);
}"""


def decisions(kind, classes, topology):
    """Prototypes, functions, and the helpers that these call."""
    if kind in ("network", "regressor"):
        functions, helpers = [_RAW, _PREDICT], set()
    elif kind == "multilabel":
        functions, helpers = [_RAW, _LABELS, _PROBA, _LOG_LABELS], {"log_sigma"}
    elif topology.n_outputs == 1:
        choice = "a[0] > 0" if len(classes) == 2 else "0 * (a[0] > 0)"
        functions = [_RAW, _CLASSIFY % choice]
        functions += [_BOTH % ("predict_proba", *["sigma"] * 2), _BOTH % ("predict_log_proba", *["log_sigma"] * 2)]
        helpers = {"sigma", "log_sigma"}
    else:
        functions = [_RAW, _CLASSIFY % "@name_argmax(a, @NAME_OUTPUTS)", _PROBA, _LOG_SOFTMAX]
        helpers = {"argmax"}
    return [function.partition("\n")[0] for function in functions], functions, helpers


def classes_table(classes):
    """The labels, in the order of their numbers: strings in UTF-8, numbers as long long or double."""
    if all(isinstance(label, str) for label in classes):
        kind, texts = "char *const ", [f'"{_escape(label)}"' for label in classes]
    elif all(isinstance(label, int) for label in classes):
        kind, texts = "long long ", [_integer(int(label)) for label in classes]
    else:
        kind, texts = "double ", [repr(float(label)) for label in classes]
    return f"const {kind}@name_classes[{len(classes)}] = {{{', '.join(texts)}}};"


def _integer(label):
    if not -(2**63) < label < 2**63:
        raise ValueError(f"cannot export the class label {label}: expected one that a long long holds")
    return str(label)


def _escape(text):
    if "\0" in text:
        raise ValueError(f"cannot export the class label {text!r}: a string of C ends at the character of number 0")
    return "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\{byte:03o}" for byte in text.encode())
