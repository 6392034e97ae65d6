# SPDX-License-Identifier: BSD-3-Clause
"""Mean, variance and kurtosis of starting weights per layer: all that the predictions know of an initialiser."""

import numpy as np

from bpnet.initializers import fans, glorot_bounds

# Variance of the weights from the mean numbers of units that a unit hears and is heard by.
VARIANCES = {
    "lecun": lambda fan_in, fan_out: 1 / np.maximum(fan_in, 1),
    "glorot": lambda fan_in, fan_out: 2 / np.maximum(fan_in + fan_out, 1),
    "he": lambda fan_in, fan_out: 2 / np.maximum(fan_in, 1),
}
NORMAL, UNIFORM = 3.0, 1.8  # their kurtosis


class WeightMoments:
    """Independent starting values, each with the moments of its layer; and an initialiser that draws such.

    Parameters
    ----------
    topology : Topology
    mean, bias_mean, bias_variance : float or sequence of one float per layer, default=0
    variance : float, sequence or {"lecun", "glorot", "he"}, default="lecun"
        Of the weights: 1 / fan_in, 2 / (fan_in + fan_out) or 2 / fan_in, as `initializers.fans` counts them.
    kurtosis : float or sequence, default=3
        E[(w - mean)^4] / variance^2 of the weights: 3 for normal ones, 1.8 for uniform ones, at least 1.

    Attributes
    ----------
    mean, variance, kurtosis, bias_mean, bias_variance : ndarray of shape (n_layers,)

    Examples
    --------
    >>> import numpy as np
    >>> from bpnet import Topology
    >>> topology = Topology.layered([4, 2, 1])
    >>> moments = WeightMoments(topology, variance="lecun", bias_variance=1)
    >>> moments.variance, moments.bias_variance
    (array([0.25, 0.5 ]), array([1., 1.]))
    >>> moments(topology, np.random.default_rng(0)).shape
    (13,)
    """

    def __init__(self, topology, mean=0.0, variance="lecun", kurtosis=NORMAL, bias_mean=0.0, bias_variance=0.0):
        n_units = np.array([layer.n_units for layer in topology.layers])
        if isinstance(variance, str):
            if variance not in VARIANCES:
                raise ValueError(f"expected a variance out of {', '.join(VARIANCES)}, got {variance!r}")
            variance = VARIANCES[variance](*fans(topology))
        self.mean = _per_layer(mean, "mean", len(n_units))
        self.variance = _per_layer(variance, "variance", len(n_units), least=0)
        self.kurtosis = _per_layer(kurtosis, "kurtosis", len(n_units), least=1)
        has_bias = np.array([layer.bias for layer in topology.layers])
        self.bias_mean = _per_layer(bias_mean, "bias_mean", len(n_units)) * has_bias
        self.bias_variance = _per_layer(bias_variance, "bias_variance", len(n_units), least=0) * has_bias

    @classmethod
    def glorot_uniform(cls, topology, factor=None):
        """Moments of `bpnet.initializers.glorot_uniform`, which a `Network` starts with."""
        variance = glorot_bounds(topology, factor) ** 2 / 3
        return cls(topology, variance=variance, kurtosis=UNIFORM, bias_variance=variance)

    def __call__(self, topology, random_state):
        """Draw all parameters: shape (n_parameters,), float64.

        Weights of kurtosis 1.8 are drawn uniform, others of kurtosis up to 3 as a mixture of a normal and an even
        choice of two values, heavier ones as a mixture of a normal and zero; biases are normal.

        Parameters
        ----------
        topology : Topology
            The one that the moments are for.
        random_state : numpy.random.RandomState or numpy.random.Generator
        """
        if len(topology.layers) != len(self.mean):
            raise ValueError(f"expected a topology of {len(self.mean)} layers, got {len(topology.layers)}")
        w = np.empty(topology.n_parameters)
        for k, (layer, (start, stop)) in enumerate(zip(topology.layers, topology.plan.weight_ranges, strict=True)):
            draws = _standard(random_state, self.kurtosis[k], stop - start)
            w[start:stop] = self.mean[k] + np.sqrt(self.variance[k]) * draws
            if layer.bias:
                biases = random_state.normal(size=layer.n_units)
                w[stop : stop + layer.n_units] = self.bias_mean[k] + np.sqrt(self.bias_variance[k]) * biases
        return w

    def __repr__(self):
        names = ("mean", "variance", "kurtosis", "bias_mean", "bias_variance")
        return f"WeightMoments({', '.join(f'{name}={getattr(self, name).tolist()}' for name in names)})"


def _per_layer(values, name, n_layers, least=-np.inf):
    array = np.asarray(values, float)
    if array.shape not in ((), (n_layers,)):
        raise ValueError(f"expected {name} as a number or one per layer, {n_layers}, got an array of {array.shape}")
    if not (np.isfinite(array) & (array >= least)).all():
        raise ValueError(f"expected finite numbers of at least {least} in {name}, got {values}")
    return np.broadcast_to(array, n_layers).copy()


def _standard(random_state, kurtosis, n):
    """Numbers of mean 0, variance 1 and this kurtosis."""
    if kurtosis == UNIFORM:
        return random_state.uniform(-np.sqrt(3), np.sqrt(3), n)
    draws = random_state.normal(size=n)
    if kurtosis < NORMAL:
        # Two values have kurtosis 1; a share c of normal draws among them makes it 1 + 2 c.
        is_normal = random_state.uniform(size=n) < (kurtosis - 1) / 2
        return np.where(is_normal, draws, np.sign(draws))
    if kurtosis > NORMAL:
        # A share c of normal draws, the rest zero, and the variance put right: 3 / c.
        share = NORMAL / kurtosis
        draws *= (random_state.uniform(size=n) < share) / np.sqrt(share)
    return draws
