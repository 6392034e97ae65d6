# SPDX-License-Identifier: BSD-3-Clause
"""Second derivatives of a network: the methods that `Network` has for them, products before matrices."""

from bpnet import curvature, hessians


class SecondDerivatives:
    """Mixin with them. E is that of `Network.loss`; parameters stand in the order of `Network.parameters`."""

    def hessian_product(self, X, y, v, sample_weight=None):
        """H v, H = d2E/dw dw, without forming H.

        Parameters
        ----------
        X, y, sample_weight
            As for `gradient`.
        v : array-like of shape (n_parameters,) or (n_directions, n_parameters)

        Returns
        -------
        ndarray of the shape of `v`

        Notes
        -----
        Exact, by an R-forward and an R-backward sweep: O(n_samples W) each, about two gradients. Several directions
        share the plain sweeps.

        Source: Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6 (1994); Bishop (2006),
        section 5.4.6.

        Examples
        --------
        >>> import numpy as np
        >>> from bpnet import Network, Topology
        >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
        >>> X, y, v = np.eye(2), np.array([1.0, -1.0]), np.ones(13)
        >>> np.allclose(net.hessian_product(X, y, v), net.hessian(X, y) @ v)
        True
        """
        return curvature.product(self, X, y, v, sample_weight, "hessian")

    def gauss_newton_product(self, X, y, v, sample_weight=None):
        """J' L J v, arguments and cost as for `hessian_product`.

        J is the derivative of what the loss reads to the parameters, for all samples, and L the second derivative of
        the losses to that. A matched pair reads the outputs' a, any other their z; so the matrix is positive
        semi-definite, and it equals H where the network is linear or every error signal is zero. For losses that are
        not convex in what they read L is Fisher's matrix ("gaussian_nll") or zero (quantiles, piecewise linear).

        Source: Schraudolph, Fast curvature matrix-vector products for second-order gradient descent, Neural
        Computation 14 (2002).

        Examples
        --------
        >>> import numpy as np
        >>> from bpnet import Network, Topology
        >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
        >>> X, v = np.eye(2), np.arange(13.0)
        >>> J = net.parameter_jacobian(X)[:, 0]
        >>> np.allclose(net.gauss_newton_product(X, np.zeros(2), v), J.T @ (J @ v))
        True
        """
        return curvature.product(self, X, y, v, sample_weight, "gauss_newton")

    def hessian_operator(self, X, y, sample_weight=None, kind="hessian"):
        """The Hessian or the Gauss-Newton matrix as a linear operator, for SciPy's iterative solvers.

        Data are converted once; parameters are read anew at each product.

        Parameters
        ----------
        X, y, sample_weight
            As for `gradient`.
        kind : {"hessian", "gauss_newton"}, default="hessian"

        Returns
        -------
        scipy.sparse.linalg.LinearOperator of shape (n_parameters, n_parameters)

        Examples
        --------
        >>> import numpy as np
        >>> from bpnet import Network, Topology
        >>> from scipy.sparse.linalg import eigsh
        >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
        >>> X, y = np.eye(2), np.array([1.0, -1.0])
        >>> largest = eigsh(net.hessian_operator(X, y), 1, which="LA", return_eigenvectors=False)
        >>> np.allclose(largest, np.linalg.eigvalsh(net.hessian(X, y))[-1])
        True
        """
        return curvature.operator(self, X, y, sample_weight, kind)

    def hessian(self, X, y, sample_weight=None, method="exact", out=None):
        """d2E/dw dw, the symmetric matrix of second derivatives, in the order of `parameters`.

        Parameters
        ----------
        X, y, sample_weight
            As for `gradient`.
        method : {"exact", "columns", "mixed", "finite_difference"}, default="exact"
            - "exact": back-propagation of second derivatives to pairs of units, on any graph; relu counts as the linear
              piece that is active. O(n_samples W^2), at most n_samples W^2 multiply-adds.
            - "columns": exact too, by a Hessian-vector product for each column; O(n_samples W^2), some 2 W gradients.
            - "mixed": central differences of the gradient; O(n_samples W^2), some nine digits.
            - "finite_difference": differences of E at four points; O(n_samples W^3), some six digits.
        out : C-contiguous ndarray of shape (n_parameters, n_parameters), float64, optional
            Overwritten and returned: saves the time that new memory takes, which is most of it for few samples.

        Returns
        -------
        ndarray of shape (n_parameters, n_parameters)
            Of the network's type, or `out`. It is computed in float64, for float32 networks too.

        Raises
        ------
        MemoryError
            If the matrix does not fit; `hessian_diagonal` needs none.

        Notes
        -----
        Memory beyond the result: packed sums, a quarter to half of the result; for float32 networks the float64
        matrix; and pairs of units, n_units^2 / 2 numbers for each of up to 128 samples, fewer where that is much.

        References
        ----------
        C. M. Bishop, "Exact calculation of the Hessian matrix for the multilayer perceptron", Neural Computation 4,
        1992, carried over to any acyclic graph.

        Examples
        --------
        >>> import numpy as np
        >>> from bpnet import Network, Topology
        >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
        >>> H = net.hessian(np.eye(2), np.array([1.0, -1.0]))
        >>> H.shape, bool(np.array_equal(H, H.T))
        ((13, 13), True)
        >>> bool(np.allclose(H, net.hessian(np.eye(2), np.array([1.0, -1.0]), method="mixed")))
        True
        """
        return hessians.hessian(self, X, y, sample_weight, method, out)

    def gauss_newton(self, X, y, sample_weight=None, out=None):
        """The Gauss-Newton matrix J' L J: second derivatives of the loss alone, the network linearised.

        J is the derivative of what the loss reads at the outputs, a of a matched pair and else z, to the parameters,
        and L the second derivative of s_n E_n to that. Positive semi-definite, and equal to the Hessian where the
        first derivatives of the loss are zero. Parameters, result, cost and errors are those of `hessian`.

        Examples
        --------
        >>> import numpy as np
        >>> from bpnet import Network, Topology
        >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
        >>> G = net.gauss_newton(np.eye(2), np.array([1.0, -1.0]))
        >>> bool(np.linalg.eigvalsh(G).min() > -1e-12)
        True
        """
        return hessians.gauss_newton(self, X, y, sample_weight, out)

    def hessian_diagonal(self, X, y, sample_weight=None):
        """The exact diagonal of the Hessian, d2E/dw_ji^2 = sum_n M_jj z_i^2: shape (n_parameters,).

        Nothing of size W^2 is made. Cost O(n_samples W n) with n the width of the layers: second derivatives are needed
        between the units of a layer and those that hear them, not between all.

        Examples
        --------
        >>> import numpy as np
        >>> from bpnet import Network, Topology
        >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
        >>> X, y = np.eye(2), np.array([1.0, -1.0])
        >>> np.allclose(net.hessian_diagonal(X, y), np.diag(net.hessian(X, y)))
        True
        """
        return hessians.hessian_diagonal(self, X, y, sample_weight)

    def curvatures(self, X, y, sample_weight=None):
        """Second derivatives M_jj = s_n d2E_n/da_j^2 of all units but the inputs, per sample.

        What `deltas` is for first derivatives: a_j is thought to get a small addition, and everything downstream of it
        follows. Cost that of `hessian_diagonal`.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            Columns are ordered as `topology.units`.

        Examples
        --------
        >>> import numpy as np
        >>> from bpnet import Network, Topology
        >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
        >>> net.curvatures(np.eye(2), np.array([1.0, -1.0]))[:, 3]  # of linear outputs with the squared error
        array([1., 1.])
        """
        return hessians.curvatures(self, X, y, sample_weight)
