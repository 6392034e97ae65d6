# SPDX-License-Identifier: BSD-3-Clause
"""Network: a topology, its flat vector of parameters and a loss; the door to outputs and derivatives.

The second derivatives stand in `second_derivatives.py`.
"""

import numpy as np

from bpnet import _html, hidden, initializers, losses, summary, views
from bpnet._core import derivatives, jacobians
from bpnet._core.data import Data
from bpnet._core.plan import aligned
from bpnet._pickles import FORMAT, check_format
from bpnet._validation import as_array, as_data_type, as_inputs, as_random_state, as_raw, as_targets, as_weights
from bpnet.second_derivatives import SecondDerivatives
from bpnet.topology import Topology


class Network(SecondDerivatives):
    """A feed-forward network with a loss: outputs, and derivatives of E = sum_n s_n E_n.

    E is the data term alone, a sum over samples and outputs; penalties and means belong to whoever trains.

    Parameters
    ----------
    topology : Topology
    loss : str or object, default="squared_error"
        E_n as a function of the outputs y and the targets t. "squared_error": 1/2 sum (y - t)^2; "log_loss" of logistic
        outputs (binary, or several labels) or of softmax outputs; "poisson" and "gamma": half the deviance of exp
        outputs; "absolute_error", "huber", "log_cosh", "quantile" (the median); "gaussian_nll": identity outputs, mean
        and log-variance side by side for each target; an object of `bpnet.losses` for those with a parameter; or a
        loss of one's own, see ``docs/guide/losses.md``.
    dtype : {float64, float32}, default=float64
        Of parameters, signals and results.
    random_state : None, int, RandomState or Generator, default=None
        Of the starting parameters.
    initializer : str or callable, default="glorot_uniform"
        A name of `bpnet.initializers`; or a function of (topology, random_state) that returns the starting parameters.

    Attributes
    ----------
    topology : Topology
    loss_name : str or object
        As given.
    dtype : numpy.dtype

    Notes
    -----
    All methods take X as an array of shape (n_samples, n_inputs) or a sparse matrix of any format; numbers of another
    type than `dtype` are converted. `y` is (n_samples, n_outputs), or (n_samples,) for one output; for softmax also
    (n_samples,) integer class numbers. NaN and infinities are refused. Work is done in chunks of rows, so scratch
    memory does not grow with n_samples.

    Examples
    --------
    >>> import numpy as np
    >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
    >>> X, y = np.array([[0.0, 1.0], [1.0, 0.5]]), np.array([1.0, -1.0])
    >>> net.predict(X).shape, net.gradient(X, y).shape
    ((2, 1), (13,))
    """

    def __init__(
        self, topology, loss="squared_error", *, dtype=np.float64, random_state=None, initializer="glorot_uniform"
    ):
        if not isinstance(topology, Topology):
            raise TypeError(f"expected a Topology, got {topology!r}")
        self._adopt(topology, loss, as_data_type(dtype))
        start = initializers.draw(initializer, topology, as_random_state(random_state))
        self._parameters = aligned(start, self.dtype)

    @classmethod
    def from_parameters(cls, topology, parameters, loss="squared_error"):
        """Network around a given vector, which is not copied: shape (n_parameters,), float32 or float64, contiguous."""
        if not isinstance(topology, Topology) or not isinstance(parameters, np.ndarray):
            raise TypeError(f"expected a Topology and an array, got {topology!r} and {type(parameters).__name__}")
        if parameters.shape != (topology.n_parameters,) or not parameters.flags.c_contiguous:
            raise ValueError(
                f"expected a contiguous vector of {topology.n_parameters} parameters, got {parameters.shape}"
            )
        net = cls.__new__(cls)
        net._adopt(topology, loss, as_data_type(parameters.dtype))
        net._parameters = parameters
        return net

    def _adopt(self, topology, loss, dtype):
        self.topology = topology
        self.dtype = dtype
        self.loss_name = loss
        self._loss, self._reads_raw = losses.resolve(loss, topology)
        self._plan = topology.plan

    @property
    def parameters(self):
        """All weights and biases: shape (n_parameters,), the vector itself. Writing into it changes the network."""
        return self._parameters

    @parameters.setter
    def parameters(self, values):
        if np.shape(values) != self._parameters.shape:
            raise ValueError(f"expected {len(self._parameters)} parameters, got an array of shape {np.shape(values)}")
        self._parameters[...] = as_array(values, "parameters", self.dtype)

    @property
    def coefs(self):
        """Weights of each layer: `ParameterViews` of matrices (units of its sources, n_units), views where they can be.

        Where connections are missing, the matrix is a read-only copy with zeros; then its size, not the number of
        weights, is what it costs.
        """
        return views.of_layers(self, views.coefs, views.set_coefs)

    @property
    def intercepts(self):
        """Biases of each layer: `ParameterViews` of vectors (n_units,), empty for layers without."""
        return views.of_layers(self, views.intercepts, views.set_intercepts)

    def predict(self, X):
        """Outputs z.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_inputs)

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            Of the network's type. Cost O(n_samples W), W the number of parameters.
        """
        return self._outputs(X, raw=False)

    def predict_raw(self, X):
        """Weighted sums a into the output units, with arguments, result and cost of `predict`."""
        return self._outputs(X, raw=True)

    def loss(self, X, y, sample_weight=None):
        """E = sum_n s_n E_n, a float; arguments as of `gradient`, a third of its cost."""
        data = self._data(X, y, sample_weight)
        return derivatives.value_and_gradient(self._plan, self._loss, self._reads_raw, self._parameters, data)

    def gradient(self, X, y, sample_weight=None):
        """dE/dw, by back-propagation.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_inputs)
        y : array-like of shape (n_samples, n_outputs) or (n_samples,)
            Targets; fewer columns than outputs for losses that read several outputs per target.
        sample_weight : array-like of shape (n_samples,), default=None
            s_n, at least 0; None is 1 for all.

        Returns
        -------
        ndarray of shape (n_parameters,)
            Of the network's type, in the order of `parameters`.

        Raises
        ------
        ValueError
            For wrong shapes, NaN and infinities, negative weights, and targets that the loss makes no sense of.
        TypeError
            For what is no array of numbers.

        Notes
        -----
        Cost O(n_samples W). Source: Bishop, Pattern Recognition and Machine Learning (2006), section 5.3.

        Examples
        --------
        >>> import numpy as np
        >>> net = Network(Topology.layered([2, 1]), random_state=0)
        >>> X, y, s = np.eye(2), np.array([1.0, -1.0]), np.array([1.0, 3.0])
        >>> delta = s * (net.predict(X)[:, 0] - y)
        >>> np.allclose(net.gradient(X, y, s), [*(X.T @ delta), delta.sum()])
        True
        """
        return self.value_and_gradient(X, y, sample_weight)[1]

    def value_and_gradient(self, X, y, sample_weight=None):
        """`loss` and `gradient`, for the cost of the latter."""
        data = self._data(X, y, sample_weight)
        gradient = np.zeros_like(self._parameters)
        value = derivatives.value_and_gradient(
            self._plan, self._loss, self._reads_raw, self._parameters, data, gradient
        )
        return value, gradient

    def deltas(self, X, y, sample_weight=None):
        """Error signals delta_j = s_n dE_n/da_j of all units but the inputs; arguments and cost as of `gradient`.

        At an output that feeds further units, delta is the total derivative.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            Of the network's type. Columns are ordered as `topology.units`.

        Examples
        --------
        >>> import numpy as np
        >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
        >>> X, y = np.eye(2), np.array([1.0, -1.0])
        >>> np.allclose(net.deltas(X, y)[:, 3], net.predict(X)[:, 0] - y)  # of the output
        True
        """
        data = self._data(X, y, sample_weight)
        return derivatives.deltas(self._plan, self._loss, self._reads_raw, self._parameters, data)

    def signals(self, X):
        """Outputs z_j = h(a_j) and slopes h'(a_j) of all units but the inputs, in the columns of `deltas`.

        Softmax units have no slope of their own: theirs is NaN. Cost and argument are those of `predict`.

        Returns
        -------
        z, slope : ndarray of shape (n_samples, n_units)
        """
        return derivatives.signals(self._plan, self._parameters, self._data(X))

    def hidden_output(self, X, layer, of="output"):
        """Outputs z of a layer, or of single units, for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_inputs)
        layer : int, str, list or label
            - a number: place in `topology.layers`, 0 is the one after the inputs, -1 the last;
            - a name: that of one of them;
            - a list: units, by their labels in `topology.units`, in any order; one label alone stands for a list of it,
              if it is a string or a tuple and no name of a layer.
        of : {"output", "raw"}, default="output"
            z, the outputs; or their weighted sums a.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            Of the network's type.

        Raises
        ------
        ValueError
            If there is no such layer or unit.

        Notes
        -----
        What lies behind the layer is not computed: O(n_samples W), W the parameters up to it, and O(W) per call to
        compile that part of the topology.

        Examples
        --------
        >>> import numpy as np
        >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
        >>> z = net.hidden_output(np.eye(2), 0)
        >>> np.allclose(z, np.tanh(np.eye(2) @ net.coefs[0] + net.intercepts[0]))
        True
        >>> np.array_equal(net.hidden_output(np.eye(2), [("h1", 2), ("h1", 0)]), z[:, [2, 0]])
        True
        """
        return hidden.hidden_output(self, X, layer, of)

    def jacobian(self, X, of="output"):
        """Derivatives of the outputs to the inputs, J_nki = dy_nk/dx_ni.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_inputs)
        of : {"output", "raw"}, default="output"
            y, the outputs z; or their weighted sums a.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs, n_inputs)

        Notes
        -----
        Exact, by one backward sweep per output or one forward sweep per input, whichever are fewer:
        O(n_samples W min(n_outputs, n_inputs)). Where relu has a kink its slope counts as 0.

        Source: Bishop, Pattern Recognition and Machine Learning (2006), section 5.3.4.

        Examples
        --------
        >>> import numpy as np
        >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
        >>> X, step = np.array([[0.3, 0.7]]), np.array([1e-6, 0])
        >>> quotient = (net.predict(X + step) - net.predict(X - step)) / 2e-6
        >>> bool(abs(net.jacobian(X)[0, 0, 0] - quotient[0, 0]) < 1e-8)
        True
        """
        raw = as_raw(of)
        return jacobians.jacobian(self._plan, self._parameters, self._data(X), raw)

    def parameter_jacobian(self, X, of="output"):
        """Derivatives of the outputs to the parameters, dy_nk/dw; `X` and `of` as for `jacobian`.

        Cost O(n_samples n_outputs W), in memory too: where only products with it are wanted, `gradient` and
        `gauss_newton_product` do without.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs, n_parameters)

        Examples
        --------
        >>> import numpy as np
        >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
        >>> X, y = np.eye(2), np.array([[1.0], [-1.0]])
        >>> J = net.parameter_jacobian(X)
        >>> np.allclose(np.einsum("nk,nkw->w", net.predict(X) - y, J), net.gradient(X, y))
        True
        """
        raw = as_raw(of)
        return jacobians.parameter_jacobian(self._plan, self._parameters, self._data(X), raw)

    def _with(self, parameters):
        """The same topology and loss around another vector, which is not copied."""
        return Network.from_parameters(self.topology, parameters, self.loss_name)

    def _in_float64(self):
        """The network itself, or its twin of float64."""
        return self if self.dtype == np.float64 else self._with(self.parameters.astype(np.float64))

    def _outputs(self, X, raw):
        # The core looks for NaN and infinities itself while it has the rows in cache.
        data = Data(self._plan, as_inputs(X, self.topology.n_inputs, self.dtype, check_finite=False))
        return derivatives.outputs(self._plan, self._parameters, data, raw, check_finite=True)

    def _data(self, X, y=None, sample_weight=None):
        """The arguments in the form the core reads."""
        n_outputs = self.topology.n_outputs
        X = as_inputs(X, self.topology.n_inputs, self.dtype)
        n_samples = len(X[2]) - 1 if isinstance(X, tuple) else len(X)
        if y is not None:
            y = as_targets(y, n_samples, n_outputs, self._loss, self.dtype)
        return Data(self._plan, X, y, as_weights(sample_weight, n_samples, self.dtype))

    def __getstate__(self):
        return {"format": FORMAT, "topology": self.topology, "loss": self.loss_name, "parameters": self._parameters}

    def __setstate__(self, state):
        check_format(state.get("format"), "Network")
        parameters = np.ascontiguousarray(state["parameters"])
        self.__dict__ = vars(Network.from_parameters(state["topology"], parameters, state["loss"]))

    def __repr__(self):
        return f"Network({self.topology!r}, loss={self.loss_name!r}, dtype={self.dtype.name})"

    def __str__(self):
        head = f"Network: {summary.headline(self.topology)}, {self.dtype.name}, loss {self.loss_name}"
        return f"{head}\n{summary.as_text(self.topology)}"

    def _repr_html_(self):
        return _html.network(self.topology, f"Network of {self.dtype.name}, loss {self.loss_name}")


def check_network(net):
    """Raise TypeError unless it is a `Network`."""
    if not isinstance(net, Network):
        raise TypeError(f"expected a Network, got {net!r}")
