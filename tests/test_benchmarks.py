# SPDX-License-Identifier: BSD-3-Clause
"""The benchmarks run, and say what was measured. How long anything takes is not asked here."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
CIRCUMSTANCES = {
    "machine": "a machine", "cores": 2, "system": "Linux x86_64", "python": "3.11.7", "level": "v3", "commit": "abc",
    "versions": {"bpnet": "0.1.0", "sklearn": "1.9.1"}, "quick": False,
}  # fmt: skip


def run(*arguments):
    """Output of a Python command in the folder of the benchmarks."""
    # The suite may run without the script's folder on the path; the benchmarks import one another from there.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=BENCHMARKS, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def measurement(peer, number, seconds, when="2026-01-01T00:00:00+00:00"):
    place = {"workload": "T1", "title": "a workload", "dtype": "float32", "threads": 1, "flops": 10**9}
    return {
        **CIRCUMSTANCES,
        **place,
        "run": when,
        "peer": peer,
        "round": number,
        "seconds": [seconds],
        "megabytes": 90.0,
    }


def write(path, measurements):
    path.write_text("".join(json.dumps(each) + "\n" for each in measurements), encoding="utf-8")
    return path


def row_of(output, name="T1"):
    (row,) = [line for line in output.splitlines() if line.startswith(f"{name} ")]
    return row.split()


def test_quick_run_prints_a_row_and_keeps_every_measurement(tmp_path):
    history = tmp_path / "history.jsonl"
    options = "--quick --rounds 2 --repetitions 1 --dtypes float32 --workloads T1 --peers sklearn --json".split()
    output = run("run.py", *options, history)
    heads = ["workload", "type", "threads", "bpnet", "GFLOP/s", "of", "peak", "scikit-learn", "PyTorch", "JAX"]
    assert heads in [line.split() for line in output.splitlines()]
    assert row_of(output)[-2:] == ["-", "-"]
    assert "%" in row_of(output)[-5] or "%" in row_of(output)[-4]
    records = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    turns = [(record["workload"], record["peer"], record["round"]) for record in records]
    trained = [("T1", peer, number) for number in (0, 1) for peer in ("bpnet", "sklearn")]
    assert turns == [("peak", "numpy", 0), ("peak", "numpy", 1), *trained]
    for record in records:
        assert {"run", "machine", "versions", "level", "commit", "quick", "dtype", "threads", "flops"} <= set(record)
        assert all(seconds > 0 for seconds in record["seconds"])
        assert record["megabytes"] > 0
    # The same table, from the file.
    assert row_of(run("run.py", "--from", history)) == row_of(output)


def test_ratio_is_the_median_over_rounds_each_compared_within_itself(tmp_path):
    seconds = [("bpnet", 0, 1e-3), ("sklearn", 0, 9e-3), ("bpnet", 1, 2e-3), ("sklearn", 1, 4e-3)]
    seconds += [("bpnet", 2, 10e-3), ("sklearn", 2, 40e-3)]
    output = run("run.py", "--from", write(tmp_path / "history.jsonl", [measurement(*each) for each in seconds]))
    assert row_of(output) == "T1 a workload float32 1 2 ms 500 4.00 (2.00-9.00) - -".split()


def test_of_a_history_the_newest_run_counts(tmp_path):
    later = "2026-01-02T00:00:00+00:00"
    runs = [measurement("bpnet", 0, 1.0, later), measurement("sklearn", 0, 7.0, later)]
    runs += [measurement("bpnet", 0, 1.0), measurement("sklearn", 0, 3.0)]
    output = run("run.py", "--from", write(tmp_path / "history.jsonl", runs))
    assert row_of(output)[-3:] == ["7.00", "-", "-"]


def test_figure_shows_the_ratios_of_the_file(tmp_path):
    pytest.importorskip("matplotlib")
    history = write(tmp_path / "history.jsonl", [measurement("bpnet", 0, 1.0), measurement("sklearn", 0, 7.0)])
    run("run.py", "--from", history, "--figure", tmp_path / "figure.svg")
    drawn = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert all(f"<!-- {text} -->" in drawn for text in ("7.00", "scikit-learn 1.9.1", "a workload", "bpnet"))


def test_exponent_is_fitted_beyond_the_fixed_cost():
    code = "import growth; growth.print_exponent('it', [1, 2, 4, 8, 16, 32], [10, 10, 10, 128, 512, 2048], 2)"
    assert run("-c", code) == "it: exponent 2.00 from 8 on (theory: 2)\n"


def test_growth_prints_a_line_for_each_size_and_the_exponents():
    lines = run("growth.py", "--sweeps", "width", "--sizes", "2").splitlines()
    assert [line.split()[:3] for line in lines[2:4]] == [["16", "16-3x16-1", "784"], ["32", "32-3x32-1", "3104"]]
    assert sum("theory: " in line for line in lines) == 4


def test_peer_that_is_not_installed_is_left_out_with_a_word():
    code = """
import sys, peers
sys.stderr = sys.stdout
peers.version = {"torch": None, "jax": "0.1"}.get
print(peers.installed(["torch", "jax"]))
"""
    assert run("-c", code) == "PyTorch is not installed: skipped\n['jax']\n"


def test_derivatives_are_timed_without_any_peer():
    output = run("derivatives.py", "--quick", "--rounds", "1", "--cases", "J32", "H241", "V200", "--peers")
    for name, dtype in (("J32", "float32"), ("H241", "float64"), ("V200", "float64")):
        *_, kind, seconds, unit, torch, jax, deviation, result, ours, no, none = row_of(output, name)
        assert (kind, torch, jax, deviation, no, none) == (dtype, *["-"] * 5)
        assert float(seconds) > 0 and unit in ("us", "ms", "s")
        assert float(result) >= 0 and float(ours) >= 0


@pytest.mark.parametrize("peer", ["torch", "jax"])
def test_every_way_of_a_peer_gives_the_same_derivatives(peer):
    if find_spec(peer) is None:
        pytest.skip(f"{peer} is not installed")
    code = f"import derivatives as d, json; print(json.dumps(d.race('CASE', ['bpnet', '{peer}'], 1, True)))"
    for case in ("J", "H241", "H1603s", "V5000"):
        found = json.loads(run("-c", code.replace("CASE", case)))
        assert found[peer]["deviation"] < 1e-14  # a few units in the last place of small sums


def test_case_whose_contestant_fails_is_left_out_with_a_word():
    code = """
import sys, derivatives, run
sys.stderr = sys.stdout
derivatives.start_script = lambda *_: run.start_script("imports.py", "raise SystemExit", 1)
sys.argv = ["derivatives.py", "--quick", "--cases", "J", "--peers"]
derivatives.main()
"""
    assert run("-c", code).splitlines()[-1].startswith("J failed: ")


def test_memory_of_a_derivative_holds_its_result():
    code = "import derivative_memory as d; d.main('H861', 'bpnet', 'exact', False)"
    assert json.loads(run("-c", code))["megabytes"] > 861**2 * 8 / 1e6 - 0.5


def test_orders_print_a_cell_for_each_family():
    families = ["10-n-1", "sparse graph"]
    output = run("orders.py", "--derivatives", "hessian, exact", "--families", *families, "--sizes", "2")
    head, row = output.splitlines()[-2:]
    assert head.split() == ["derivative", "theory", "rows", "10-n-1", "sparse", "graph"]
    assert row.split()[:4] == ["hessian,", "exact", "2", "100"]
    assert row.count("- (") == 2  # of two sizes there is no exponent


def test_four_methods_agree_on_every_kind_of_net():
    lines = run("agreement.py", "--random", "1", "--activations", "tanh").splitlines()[2:]
    assert len(lines) == 4
    for line in lines:
        exact, columns, mixed, differences, *deviations = map(float, line.split()[-7:])
        assert exact == mixed == differences == 0 and columns < 1e-14
        assert deviations[0] < 1e-14 and deviations[1] < 1e-8 and deviations[2] < 1e-5


def test_presets_for_tables_are_measured_and_a_fit_in_the_file_is_not_repeated(tmp_path):
    history = tmp_path / "fits.jsonl"
    options = ["tabular.py", "--quick", "--sets", "wine", "diabetes", "--json", history]
    output = run(*options)
    records = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    methods = ["sklearn MLP", "5 x sklearn MLP", "bpnet MLP", "preset, 1 net", "preset", "HGB"]
    assert [(each["set"], each["method"]) for each in records] == [
        (name, method) for name in ("wine", "diabetes") for method in methods
    ]
    assert {"log_loss", "accuracy", "seconds", "seed"} <= set(records[0])
    assert {"rmse", "seconds", "rows"} <= set(records[-1])
    heads = [line.split("|")[1].strip() for line in output.splitlines() if methods[0] in line]
    assert heads == ["log-loss", "accuracy", "RMSE", "seconds to fit", "over all sets"]
    assert run(*options) == output
    assert len(history.read_text(encoding="utf-8").splitlines()) == len(records)


def test_ratios_of_scores_are_geometric_means_and_equal_scores_share_a_rank():
    code = "import numpy as np, tabular_table as t; print(t.summarise(np.array([[1, 2, 2], [4, 2, 2.0]]), min))"
    assert run("-c", code) == (
        "{'against the first': ['+0.0%', '+0.0%', '+0.0%'], 'better than the first': ['0 of 2', '1 of 2', '1 of 2'], "
        "'mean rank': ['2.00', '2.00', '2.00']}\n"
    )


STUB = """
import numpy as np


def load(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    splits = [(np.arange(50), np.arange(50, 60)), (np.arange(10, 60), np.arange(10))]
    ref = {"mcdropout_test_MC_rmse": np.array([1.0, 3.0]), "mcdropout_test_ll": np.array([-1.0, -2.0])}
    return {"X": X, "y": 10 * X[:, 0] + rng.normal(size=60), "splits": splits, "ref": ref}
"""


def test_published_splits_are_averaged_and_nested_ones_see_no_test_row(tmp_path, monkeypatch):
    tmp_path.joinpath("load.py").write_text(STUB)
    monkeypatch.setenv("BPNET_DATA", str(tmp_path))
    options = "uci.py --sets energy --splits 2 --networks 2 --iterations 5".split()
    lines = run(*options).splitlines()
    scores = [[float(cell) for cell in line.split()[3:5]] for line in lines[:2]]
    table = {line.split(",")[0].strip(): line.split() for line in lines[3:]}
    assert float(table["bpnet"][4]) == pytest.approx((scores[0][0] + scores[1][0]) / 2, abs=2e-3)
    assert table["MC-dropout"][0] and "2.000 ±" in next(line for line in lines if "the same splits" in line)
    # Of a split whose test rows are wild nothing is seen: not by the choice of alpha either.
    tmp_path.joinpath("load.py").write_text(STUB.replace("return {", "X[50:] = 1e6\n    return {"))
    wild = run(*options).splitlines()[0]
    assert wild.split()[-2] == lines[0].split()[-2] and wild[:25] != lines[0][:25]  # alpha, and the error on test rows
    nested = [run(*options, "--nested").splitlines()[0].split()[:5] for _ in range(2)]
    tmp_path.joinpath("load.py").write_text(STUB)
    assert nested[0] == nested[1] == run(*options, "--nested").splitlines()[0].split()[:5]


def test_solvers_are_timed_to_each_goal():
    output = run(
        "solvers.py", "--starts", "1", "--seconds", "1", "--problems", "SIN", "--solvers", "lm", "scikit-learn lbfgs"
    )
    rows = [line.split("|")[1:-1] for line in output.splitlines() if line.startswith(("| lm", "| scikit"))]
    assert [row[0].strip() for row in rows] == ["lm", "scikit-learn lbfgs"]
    for row in rows:
        assert float(row[2]) == float(row[3]) > 0 and row[5].strip() == "100%"
