"""Laws and data sets: found by name or path, refused with a hint."""

import shutil
from pathlib import Path

import pytest

from bayescale.basics import files
from bayescale.basics.errors import CatalogError, RunsError
from bayescale.data import datasets
from bayescale.laws import catalog, sources


@pytest.fixture
def law_file(tmp_path):
    return shutil.copy(catalog.law_path("tied"), tmp_path / "my_law.py")


@pytest.fixture
def change_module(tmp_path_factory, monkeypatch):
    """Read the package's source as if some code in one of its modules were other code."""
    package = Path(sources.__file__).parent.parent

    def change_module(name, old, new):
        copy = shutil.copytree(package, tmp_path_factory.mktemp("changed") / "bayescale")
        source = (copy / name).read_text()
        assert old in source
        (copy / name).write_text(source.replace(old, new))
        monkeypatch.setattr(sources, "__file__", str(copy / "laws" / "sources.py"))

    return change_module


@pytest.fixture
def hash_beside(tmp_path_factory):
    """Hash of a law file with a line of its own, among other files."""

    def hash_beside(line, files):
        folder = tmp_path_factory.mktemp("beside")
        (folder / "package").mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        (folder / "my_law.py").write_text(f"{line}\n{catalog.law_path('tied').read_text()}")
        return catalog.law_source_hash(folder / "my_law.py")

    return hash_beside


@pytest.mark.parametrize("kind", ["models", "datasets"])
def test_folders_are_found_beside_the_package_and_inside_an_installed_one(kind, tmp_path, monkeypatch):
    assert files.root(kind).is_dir()
    monkeypatch.setattr(files, "__file__", str(tmp_path / "bayescale" / "basics" / "files.py"))
    assert files.root(kind) == tmp_path / kind
    (tmp_path / "bayescale" / kind).mkdir(parents=True)
    assert files.root(kind) == tmp_path / "bayescale" / kind


def test_a_law_is_loaded_by_name_and_only_once():
    assert catalog.load_law("chinchilla") is catalog.load_law("chinchilla")
    assert catalog.law_path("chinchilla").name == "chinchilla.py"


def test_a_law_of_ones_own_is_loaded_by_path_and_again_when_it_has_changed(law_file):
    law = catalog.load_law(law_file)
    assert law.name == "tied"
    assert catalog.load_law(str(law_file)) is law
    law_file.write_text(law_file.read_text().replace('name="tied"', 'name="mine"'))
    assert catalog.load_law(law_file).name == "mine"


def test_source_hash_ignores_comments_and_layout_but_not_code(law_file):
    shipped = catalog.law_source_hash("tied")
    law_file.write_text("# a remark\n\n" + law_file.read_text().replace("LAW = Law(", "LAW = Law(  # here"))
    assert catalog.law_source_hash(law_file) == shipped
    law_file.write_text(law_file.read_text().replace('p["E"] +', '2 * p["E"] +'))
    assert catalog.law_source_hash(law_file) != shipped


def hashes(*laws):
    return [catalog.law_source_hash(law) for law in laws]


SHARED_PRIOR = ("laws/curves.py", "mu=0.0", "mu=0.1")


def test_source_hash_depends_on_shared_modules_that_the_law_uses(change_module):
    curve, plane = hashes("bnsl_1", "tied")
    change_module(*SHARED_PRIOR)
    changed, same = hashes("bnsl_1", "tied")
    assert changed != curve
    assert same == plane
    # The law's file says nothing of links, but bayescale.laws.law imports them.
    change_module("laws/links.py", "xp.log(", "1 * xp.log(")
    assert hashes("tied") != [plane]


@pytest.mark.parametrize("other", ["mu = 0.0,", "mu=0.0,  # at the centre\n"])
def test_source_hash_ignores_comments_and_layout_of_shared_modules(change_module, other):
    before = hashes("bnsl_1")
    change_module("laws/curves.py", "mu=0.0,", other)
    assert hashes("bnsl_1") == before


def test_source_hash_ignores_docstrings(change_module):
    before = hashes("bnsl_1")
    change_module("laws/curves.py", "import numpy as np\n", 'import numpy as np\n\n"""Said."""\n')
    assert hashes("bnsl_1") == before


def test_source_hash_does_not_depend_on_where_files_are_nor_on_order(tmp_path, monkeypatch, change_module):
    laws = catalog.law_names()
    before = hashes(*laws)
    assert len(set(before)) == len(laws)
    (tmp_path / "curves.py").write_text("")
    monkeypatch.chdir(tmp_path)
    change_module("laws/curves.py", "", "")
    assert hashes(*reversed(laws)) == before[::-1]


@pytest.mark.parametrize(
    "line",
    [
        "from bayescale import curves",
        "from bayescale.laws.curves import X",
        "from bayescale.laws import curves",
        "import bayescale.laws.curves",
        "import bayescale as bs; place = lambda: bs.curves.X",
        "def place():\n    from bayescale import curves",
    ],
)
def test_source_hash_sees_a_shared_module_however_it_is_imported(law_file, line, change_module):
    law_file.write_text(f"{line}\n{law_file.read_text()}")
    before = hashes(law_file)
    change_module(*SHARED_PRIOR)
    assert hashes(law_file) != before


@pytest.mark.parametrize(
    "line", ["from bayescale import LOGIT", "import bayescale as bs; link = bs.LOGIT", "from bayescale import *"]
)
def test_source_hash_follows_public_names_to_their_modules(law_file, line, change_module):
    law_file.write_text(f"{line}\n{law_file.read_text()}")
    before = hashes(law_file)
    change_module("laws/links.py", "xp.log(", "1 * xp.log(")
    assert hashes(law_file) != before


def test_source_hash_does_not_depend_on_what_is_no_law(law_file, change_module):
    law_file.write_text(f"from bayescale import Runs, fit\n{law_file.read_text()}")
    before = hashes(law_file)
    change_module("data/runs.py", "import hashlib", "import hashlib as _")
    change_module("basics/quantities.py", "import math", "import math as _")
    assert hashes(law_file) == before


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("import helper", "helper.py"),
        ("from helper import RATE", "helper.py"),
        ("import first", "helper.py"),
        ("from package import helper", "package/helper.py"),
        ("import package.helper", "package/__init__.py"),
        ("import package.first", "package/helper.py"),
    ],
)
def test_source_hash_depends_on_modules_beside_the_law_file(line, name, hash_beside):
    files = {
        "first.py": "from helper import RATE",
        "helper.py": "RATE = 0",
        "package/__init__.py": "",
        "package/first.py": "from .helper import RATE",
        "package/helper.py": "import my_law",
    }
    before = hash_beside(line, files)
    assert hash_beside(line, {**files, "unused.py": "RATE = 1"}) == before
    assert hash_beside(line, {**files, name: "RATE = 1"}) != before


def test_a_module_beside_the_law_file_that_is_not_python_is_named(hash_beside):
    with pytest.raises(CatalogError, match=r"helper\.py, line 2: SyntaxError"):
        hash_beside("import helper", {"helper.py": "\nRATE = ("})


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1\nLAW = 1 / 0", ("line 2", "ZeroDivisionError")),
        ("import no_such_module", ("line 1", "ModuleNotFoundError", "no_such_module")),
        ("x = 1\n\nLAW = (", ("line 3", "SyntaxError")),
        ("law = 1", ("no LAW", "LAW = Law(...)")),
        ("LAW = 'chinchilla'", ("LAW as str", "LAW = Law(...)")),
        ("\0", ("SyntaxError", "null bytes")),
    ],
    ids=["raises", "import", "syntax", "no LAW", "not a Law", "binary"],
)
def test_a_broken_law_file_is_refused_with_file_line_and_cure(law_file, code, said):
    law_file.write_text(code)
    with pytest.raises(CatalogError) as caught:
        catalog.load_law(law_file)
    for part in (str(law_file), *said):
        assert part in str(caught.value)


def test_source_hash_of_what_is_not_python_is_refused(law_file):
    law_file.write_text("LAW = (")
    with pytest.raises(CatalogError, match="line 1: SyntaxError"):
        catalog.law_source_hash(law_file)


def test_a_law_file_that_fails_outside_itself_names_the_line_that_called(law_file):
    law_file.write_text("import json\n\nLAW = json.loads('{')\n")
    with pytest.raises(CatalogError, match="line 3: JSONDecodeError"):
        catalog.load_law(law_file)


def test_a_law_file_that_may_not_be_read_is_refused(law_file, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(CatalogError, match=r"Permission denied.*permissions"):
        catalog.load_law(law_file)


def test_unknown_names_suggest_the_near_one_and_list_all(tmp_path):
    with pytest.raises(CatalogError, match=r"no law 'skalling', did you mean 'skaling'\? Laws: .*tied, .*; or a path"):
        catalog.load_law("skalling")
    with pytest.raises(CatalogError, match=r"no law 'xyz'\. Laws: .*chinchilla"):
        catalog.load_law("xyz")
    with pytest.raises(CatalogError, match=r"absent\.py: no such law file in .*: check the path"):
        catalog.load_law(tmp_path / "absent.py")
    with pytest.raises(CatalogError, match=r"no data set 'chinchila', did you mean 'chinchilla'\? Data sets: "):
        datasets.load_card("chinchila")


def test_the_chinchilla_runs_leave_the_outliers_out_and_say_so():
    runs = datasets.load_dataset("chinchilla")
    assert (len(runs), runs.source, runs.warnings) == (240, "chinchilla", ())
    assert runs.notes[0].startswith("5 of 245 runs flagged outlier left out: the 5 largest losses")
    assert runs.notes[0] in str(runs)
    assert runs.frame.index.tolist() == list(range(240))
    everything = datasets.load_dataset("chinchilla", everything=True)
    assert (len(everything), everything.notes) == (245, ())


def test_runs_are_loaded_by_name_or_path(tmp_path):
    by_name = datasets.load_runs("chinchilla")
    path = tmp_path / "mine.csv"
    by_name.frame.rename(columns={"loss": "val_loss"}).to_csv(path, index=False)
    by_path = datasets.load_runs(path, columns={"loss": "val_loss"})
    assert by_path.data_hash == by_name.data_hash
    assert by_path.source == str(path)


def test_one_series_is_loaded_by_its_group():
    runs = datasets.load_runs("porian:tuned")
    assert (len(runs), runs.source, runs.notes, runs.warnings) == (121, "porian:tuned", (), ())
    assert set(runs.frame["group"]) == {"tuned"}
    assert runs.frame.index.tolist() == list(range(121))
    assert runs.data_hash == datasets.load_dataset("porian", group="tuned").data_hash
    assert runs.frame["run"].nunique() == 16
    assert datasets.load_runs("porian:matched_cosine").frame["run"].is_unique


def test_series_that_are_pooled_are_told_so():
    assert datasets.load_dataset("porian").warnings == (
        "porian holds 5 series of column group, which must be fitted one at a time",
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("porian", r"porian: has 5 series.*write porian:kaplan_reproduction\. Groups: .*, tuned$"),
        ("porian:", r"porian: has 5 series"),
        ("porian:tund", r"no porian group 'tund', did you mean 'tuned'\?"),
        ("chinchilla:tuned", r"chinchilla: is a single series, without a group 'tuned': write chinchilla"),
    ],
)
def test_series_that_are_not_named_or_not_there_are_refused(name, said):
    with pytest.raises(CatalogError, match=said):
        datasets.load_runs(name)


def test_notes_of_a_series_count_its_own_rows():
    assert datasets.load_runs("routing:hash_8").notes[0].startswith("6 of 11 runs flagged nonstandard left out")
    assert datasets.load_runs("routing:hash_2").notes == ()


def test_outcome_is_that_of_the_card_or_the_one_asked_for():
    assert datasets.load_runs("double_descent:df4k").outcome == "y"
    runs = datasets.load_runs("routing:hash_8", columns={"x": "N", "y": "loss"}, outcome="y")
    assert (runs.outcome, len(runs), len(runs.notes)) == ("y", 5, 1)
    assert {"x", "y"} < set(runs.frame.columns)
    with pytest.raises(RunsError, match="no column 'y'"):
        datasets.load_runs("routing:hash_8", outcome="y")


@pytest.mark.parametrize(
    ("name", "columns", "said"),
    [
        ("chinchila", None, r"no data set 'chinchila', did you mean 'chinchilla'\?.*a path that ends in \.csv"),
        ("absent.csv", None, r"absent\.csv: no such file in "),
        ("tests", None, r"tests: is a directory"),
        ("chinchilla", {"N": "params"}, r"chinchilla: no column 'params' to use as 'N'"),
        ("porrian:tuned", None, r"no data set 'porrian:tuned', did you mean 'porian'\?"),
    ],
)
def test_runs_that_are_not_there_are_refused(name, columns, said, pytestconfig, monkeypatch):
    monkeypatch.chdir(pytestconfig.rootpath)
    with pytest.raises(RunsError, match=said):
        datasets.load_runs(name, columns=columns)
