# SPDX-License-Identifier: BSD-3-Clause
"""Tables of tabular.py: scores, ranks, times."""

import numpy as np


def print_tables(fits, methods):
    """In Markdown: a table for each score, one for the times, and what they say about the methods.

    Ratios are to the first method, as geometric means over the sets which all methods have been fitted to.
    """
    seen = {each["method"] for each in fits}
    methods = [method for method in methods if method in seen]
    summary = {}
    for score, better in (("log_loss", min), ("accuracy", max), ("rmse", min), ("seconds", None)):
        table = collect(fits, methods, score)
        if not table:
            continue
        title = {"log_loss": "log-loss", "rmse": "RMSE", "seconds": "seconds to fit"}.get(score, score)
        print(f"\n| {title} | {' | '.join(methods)} |\n|---|{'--:|' * len(methods)}")
        for name, values in table.items():
            best = better and better(values)
            cells = [f"**{value:.4g}**" if value == best else f"{value:.4g}" for value in values]
            print(f"| {name} | {' | '.join(cells)} |")
        summary[title] = summarise(np.array(list(table.values())), better)
    print(f"\n| over all sets | {' | '.join(methods)} |\n|---|{'--:|' * len(methods)}")
    for title, lines in summary.items():
        for what, values in lines.items():
            print(f"| {title}: {what} | {' | '.join(values)} |")


def collect(fits, methods, score):
    """{set: means over the seeds, method by method}, for the sets that are complete; to four digits, as they are shown.

    What differs by roundings alone is a tie.
    """
    values = {}
    for each in fits:
        if score in each:
            values.setdefault((each["set"], each["method"]), []).append(each[score])
    names = list(dict.fromkeys(name for name, _ in values))
    complete = [name for name in names if all((name, method) in values for method in methods)]
    return {name: [float(f"{np.mean(values[name, method]):.4g}") for method in methods] for name in complete}


def summarise(table, better):
    """{what: a cell for each method}, of an array with a row for each set."""
    lines = {}
    if better is max:  # accuracy: what counts is the part that is wrong, and that may be 0
        table = 1 - table
    if better is None:
        lines["median"] = [f"{value:.3g}" for value in np.median(table, axis=0)]
        ratios = table / table[:, :1]
        lines["median ratio"] = [f"{value:.2f}" for value in np.median(ratios, axis=0)]
        return lines
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = table / table[:, :1]
        change = np.exp(np.log(ratios).mean(axis=0)) - 1
    lines["error against the first" if better is max else "against the first"] = [f"{value:+.1%}" for value in change]
    lines["better than the first"] = [f"{count} of {len(table)}" for count in (ratios < 1).sum(axis=0)]
    # Equal values share the mean of their ranks.
    ranks = [[(row < value).sum() + ((row == value).sum() + 1) / 2 for value in row] for row in table]
    lines["mean rank"] = [f"{value:.2f}" for value in np.mean(ranks, axis=0)]
    return lines
