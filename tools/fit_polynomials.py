# SPDX-License-Identifier: BSD-3-Clause
"""Writes the polynomial coefficients of the elementwise kernels; needs mpmath.

    python tools/fit_polynomials.py > pyx/bpnet/_core/kernels/polynomials.h

Each polynomial is the weighted minimax fit (Remez exchange, 80 digits) whose weight makes the *relative*
error of the finished function equioscillate. The coefficients are then rounded to the working precision, and
the error stated in the header is that of the rounded coefficients in otherwise exact arithmetic.
"""

from mpmath import mp, mpf

mp.dps = 80

LINE = 110  # longest line of the header


def expm1_tail(r):
    """expm1(r) = r + r^2 Q(r): target Q and the (positive) weight that turns its error into that of expm1."""
    return (mp.expm1(r) - r) / r**2, r**2 / abs(mp.expm1(r))


def log1p_tail(z):
    """log1p(x) = 2 atanh(s) = x - s (x - z L(z)) with s = x / (2 + x), z = s^2; 2 s = x - s x was used."""
    s = mp.sqrt(z)
    log1p = 2 * mp.atanh(s)
    return (log1p - 2 * s) / (s * z), s * z / log1p


def normal_tail(k):
    """Phi(-x) = exp(-x^2/2) P(q) / (x + k) with q = (x - k) / (x + k) = 1 - 2 k / (x + k)."""

    def target(q):
        x = k * (1 + q) / (1 - q)
        value = (x + k) * mp.exp(x * x / 2) * mp.erfc(x / mp.sqrt(2)) / 2
        return value, 1 / value

    return target


def evaluate(coefficients, t):
    return mp.polyval(coefficients[::-1], t)


def extrema(errors):
    """Index of the largest error in each run of equal sign."""
    best = [0]
    for i in range(1, len(errors)):
        if (errors[i] > 0) != (errors[best[-1]] > 0):
            best.append(i)
        elif abs(errors[i]) > abs(errors[best[-1]]):
            best[-1] = i
    return best


def remez(function, low, high, degree):
    """Coefficients c_0 ... c_degree of the minimax polynomial, and its grid of (t, target, weight)."""
    count = 40 * (degree + 2)  # even: 0 is no grid point of a symmetric interval
    middle, half = (low + high) / 2, (high - low) / 2
    grid = [middle - half * mp.cos((2 * i + 1) * mp.pi / (2 * count)) for i in range(count)]
    grid = [(t, *function(t)) for t in grid]
    reference = [40 * i + 20 for i in range(degree + 2)]
    for _ in range(12):
        rows = [
            [t**j for j in range(degree + 1)] + [(-1) ** i / w]
            for i, (t, _, w) in enumerate(grid[k] for k in reference)
        ]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([grid[k][1] for k in reference]))
        coefficients, level = list(solution)[:-1], abs(solution[degree + 1])
        errors = [(evaluate(coefficients, t) - f) * w for t, f, w in grid]
        if max(map(abs, errors)) < level * mpf("1.001"):
            break
        reference = extrema(errors)
        while len(reference) > degree + 2:
            reference.pop(0 if abs(errors[reference[0]]) < abs(errors[reference[-1]]) else -1)
    return coefficients, grid


def rounded(value, bits):
    with mp.workprec(bits):
        return +value


def literal(value, bits):
    """Hexadecimal constant of a number that fits into `bits` bits: exact, and standard C."""
    text = float(value).hex()
    mantissa, exponent = text.split("p")
    mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}p{exponent}" + ("f" if bits == 24 else "")


def wrapped(items, indent="    "):
    lines, line = [], indent
    for item in items:
        if len(line) + len(item) + 2 > LINE:
            lines.append(line.rstrip())
            line = indent
        line += item + ", "
    lines.append(line.rstrip().rstrip(","))
    return "\n".join(lines)


PRECISIONS = (("f32", "float", 24), ("f64", "double", 53))

HEADER = """\
/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Written by tools/fit_polynomials.py, which says how; do not edit. Coefficients in ascending order; errors
 * are the relative ones of the finished function, with the coefficients rounded as they stand here.
 */
#ifndef BPNET_POLYNOMIALS_H
#define BPNET_POLYNOMIALS_H
"""

# name, what it is, function, and for each precision: interval and degree
K = 4  # found by trial: both degrees are smallest near it
LARGEST = {"f32": 15, "f64": 39}  # |a| beyond which the Gaussian and its derivatives are zero
EXPM1 = mpf("0.3467")  # a little more than log(2)/2: the quotient n is rounded from a rounded product
POLYNOMIALS = [
    ("expm1_tail", "expm1(r) = r + r^2 Q(r)", expm1_tail, lambda p: (-EXPM1, EXPM1), {"f32": 4, "f64": 9}),
    (
        "log1p_tail",
        "log1p(x) = x - s (x - z L(z)), s = x / (2 + x), z = s^2",
        log1p_tail,
        lambda p: (mpf(0), mpf(1) / 9),
        {"f32": 3, "f64": 9},
    ),
    (
        "normal_tail",
        f"Phi(-x) = exp(-x^2 / 2) P(q) / (x + {K}), q = (x - {K}) / (x + {K})",
        normal_tail(K),
        lambda p: (mpf(-1), mpf(LARGEST[p] - K) / (LARGEST[p] + K)),
        {"f32": 10, "f64": 22},
    ),
]


def main():
    print(HEADER)
    print(f"#define NORMAL_TAIL_K {K}")
    print("/* log(2) = HIGH + LOW; HIGH has so few bits that its product with any exponent is exact. */")
    for suffix, _, bits in PRECISIONS:
        high = rounded(mp.log(2), {24: 15, 53: 42}[bits])
        low = rounded(mp.log(2) - high, bits)
        print(f"#define LN2_HIGH_{suffix} {literal(high, bits)}")
        print(f"#define LN2_LOW_{suffix} {literal(low, bits)}")
    for name, formula, function, interval, degrees in POLYNOMIALS:
        print(f"\n/* {formula} */")
        for suffix, ctype, bits in PRECISIONS:
            low, high = interval(suffix)
            coefficients, grid = remez(function, low, high, degrees[suffix])
            coefficients = [rounded(c, bits) for c in coefficients]
            error = max(abs((evaluate(coefficients, t) - f) * w) for t, f, w in grid)
            print(
                f"/* [{mp.nstr(low, 5)}, {mp.nstr(high, 5)}], relative error {mp.nstr(error, 2)}"
                f" = 2^{mp.nstr(mp.log(error, 2), 4)} */"
            )
            print(
                f"static const {ctype} {name}_{suffix}[] = {{\n{wrapped([literal(c, bits) for c in coefficients])}}};"
            )
    print("\n#endif")


if __name__ == "__main__":
    main()
