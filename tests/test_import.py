# SPDX-License-Identifier: BSD-3-Clause
"""What an import loads: a fresh interpreter tells."""

import subprocess
import sys

import pytest

import bpnet


def loaded_by(code):
    """Names of the packages in memory after some code."""
    code = f"import sys; before = {{*sys.modules}}\n{code}\nprint(*{{*sys.modules}} - before)"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in run.stdout.split()}


def test_the_package_alone_loads_neither_numpy_nor_scikit_learn():
    assert not loaded_by("import bpnet") & {"numpy", "scipy", "sklearn"}


def test_networks_need_no_scikit_learn_and_small_ones_no_scipy():
    use = "net = bpnet.Network(bpnet.Topology.layered([1, 2, 1])); bpnet.train(net, [[1.0]], [1.0])"
    loaded = loaded_by(f"import bpnet; {use}; bpnet.check_gradient(net, [[1.0]], [1.0])")
    assert "numpy" in loaded and not loaded & {"scipy", "sklearn"}


def test_large_products_bring_the_blas():
    net = "bpnet.Network(bpnet.Topology.layered([700, 700, 1]))"
    use = f"import bpnet, numpy; {net}.gradient(numpy.ones((300, 700)), numpy.ones(300))"
    assert "scipy" in loaded_by(use)


def test_displays_load_neither_matplotlib_nor_scikit_learn_before_they_draw():
    use = "from bpnet import DeltaDisplay, LossCurveDisplay, NetworkDisplay; LossCurveDisplay(losses=[[1.0]])"
    assert not loaded_by(use) & {"matplotlib", "sklearn"}


@pytest.mark.parametrize("name", [*bpnet.__all__, "__version__"])
def test_every_public_name_is_listed_and_there(name):
    assert name in dir(bpnet) and getattr(bpnet, name) is getattr(bpnet, name)


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="module 'bpnet' has no attribute 'MLP'"):
        bpnet.MLP  # noqa: B018
