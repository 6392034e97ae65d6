# SPDX-License-Identifier: BSD-3-Clause
"""The user guide: its programs run as they stand and print what it says, and its index knows all pages."""

import re
import subprocess
from pathlib import Path

import pytest
import sklearn

ROOT = Path(__file__).parents[1]
PAGES = sorted(path for path in ROOT.joinpath("docs/guide").glob("*.md") if path.name != "README.md")
EXTRAS = {
    "callbacks": ["sklearn.callback", "pandas", "rich"],
    "deployment": ["skl2onnx", "skops"],
    "looking_inside": ["matplotlib"],
    "tabular": ["pandas"],
}


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_programs_of_the_guide_run_one_after_the_other_and_print_what_it_says(page, tmp_path, monkeypatch, capsys):
    for name in EXTRAS.get(page.stem, []):
        pytest.importorskip(name)
    if page.stem == "looking_inside":
        pytest.importorskip("matplotlib").use("Agg")
    monkeypatch.chdir(tmp_path)
    if page.stem == "losses":
        tmp_path.joinpath("own.c").write_text("".join(blocks(page, "c")))
        subprocess.run("gcc -O2 -shared -fPIC own.c -o own.so".split(), check=True)
    programs, scope = blocks(page, "python"), {"__name__": "__main__"}
    assert programs
    with sklearn.config_context():  # a program may change the configuration
        for program in programs:
            exec(program, scope)
    if printed := "".join(blocks(page, "text")):
        assert capsys.readouterr().out == printed
    if page.stem == "looking_inside":
        import matplotlib.pyplot as plt

        plt.close("all")


def test_the_index_of_the_guide_names_every_page():
    index = ROOT.joinpath("docs/guide/README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\]\((\w+\.md)\)", index)) == [page.name for page in PAGES]


def test_links_of_the_documents_lead_somewhere():
    for page in (
        *PAGES,
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/*.md"),
        ROOT / "docs/guide/README.md",
    ):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert page.parent.joinpath(target).exists(), f"{page.name}: {target}"
