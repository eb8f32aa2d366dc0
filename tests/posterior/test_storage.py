"""Saved fits: they come back whole, or are refused in words; and a save never spoils what was there."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayescale.basics.errors import FitFileError, OutputError
from bayescale.laws import sources
from bayescale.laws.catalog import load_law
from bayescale.posterior import netcdf, storage
from bayescale.posterior.fit import with_log_likelihood
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.single import fit_law
from bayescale.posterior.storage import load, save

fit = partial(fit_law, discrepancy=False)
"""A fit that takes the law as true."""


@pytest.fixture
def copy(saved_fit, tmp_path):
    """A saved fit that tests may damage."""
    return shutil.copy(saved_fit, tmp_path / "copy.nc")


@pytest.fixture
def own_fit(own_law):
    steps = np.geomspace(100, 1e5, 8)
    return fit(own_law, pd.DataFrame({"steps": steps, "loss": 2.0 + 9 * steps**-0.4 + 0.001 * np.sin(steps)}))


def refusal(path, **options):
    with pytest.raises(FitFileError) as caught:
        load(path, **options)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    return text


def test_what_is_saved_comes_back(chinchilla_fit, saved_fit):
    again = load(saved_fit)
    assert again.law is chinchilla_fit.law
    for name in ("record", "diagnostics", "warnings", "notes"):
        assert getattr(again, name) == getattr(chinchilla_fit, name), name
    assert again.tree.children.keys() == chinchilla_fit.tree.children.keys()
    for group, node in chinchilla_fit.tree.children.items():
        xr.testing.assert_equal(again.tree[group].to_dataset(), node.to_dataset())
    for name, variable in chinchilla_fit.tree["posterior"].data_vars.items():
        assert again.tree["posterior"][name].attrs == variable.attrs, name


def test_a_loaded_fit_forecasts_the_same(chinchilla_fit, saved_fit):
    point = {"N": 70e9, "D": 1.4e12}
    xr.testing.assert_equal(forecast(load(saved_fit), **point).draws, forecast(chinchilla_fit, **point).draws)


def test_groups_added_later_are_saved_too(few_fit, tmp_path):
    extended = with_log_likelihood(few_fit)
    again = load(save(extended, tmp_path / "few.nc"))
    xr.testing.assert_equal(again.tree["log_likelihood"].to_dataset(), extended.tree["log_likelihood"].to_dataset())


def test_a_loaded_fit_can_be_saved_again(saved_fit, tmp_path):
    first = load(saved_fit)
    second = load(save(first, tmp_path / "again.nc"))
    assert second.record == first.record
    xr.testing.assert_equal(second.tree["posterior"].to_dataset(), first.tree["posterior"].to_dataset())


def test_arviz_reads_the_file(chinchilla_fit, saved_fit):
    import arviz as az

    tree = az.from_netcdf(saved_fit)
    assert az.summary(tree, kind="stats").shape[0] == len(chinchilla_fit.parameters)
    assert json.loads(tree.attrs["bayescale"])["record"]["n_runs"] == 240


@pytest.mark.parametrize("share", np.linspace(0, 0.999, 25).round(3))
def test_flipped_bytes_never_give_another_fit(chinchilla_fit, copy, share):
    data = bytearray(copy.read_bytes())
    position = int(share * len(data))
    for i in range(position, min(position + 8, len(data))):
        data[i] ^= 0xFF
    copy.write_bytes(data)
    try:
        again = load(copy)
    except FitFileError:
        return
    # Bytes that HDF5 does not use.
    for name, draws in chinchilla_fit.parameters.items():
        np.testing.assert_array_equal(again.parameters[name], draws)
    assert again.record == chinchilla_fit.record


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.9999])
def test_a_truncated_file_is_refused(copy, share):
    os.truncate(copy, int(share * copy.stat().st_size))
    assert "damaged, cut short, or of another kind" in refusal(copy)


def test_a_changed_number_is_refused(copy):
    import h5py

    with h5py.File(copy, "r+") as file:
        file["posterior/E"][0, 0] += 1e-9
    assert "is damaged: its contents do not match their checksum" in refusal(copy)


def test_files_of_another_kind_are_refused(tmp_path):
    import h5py

    path = tmp_path / "other.nc"
    xr.Dataset({"x": ("t", np.arange(3.0))}).to_netcdf(path, engine="h5netcdf")
    assert "bayescale did not save it" in refusal(path)
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3)
        file.attrs["bayescale"] = "not JSON"
    assert "bayescale did not save it" in refusal(path)
    path.write_text("N,D,loss\n1e8,2e9,3.2\n")
    assert "cannot be read as netCDF" in refusal(path)
    path.write_bytes(b"")
    assert "cannot be read as netCDF" in refusal(path)


def test_paths_without_a_file_are_refused(tmp_path):
    assert "does not exist" in refusal(tmp_path / "absent.nc")
    assert "is a folder" in refusal(tmp_path)


def rewrite_header(path, **changes):
    """Change the header and its checksum, as another version or an attacker might."""
    tree = netcdf.read_groups(path)
    header = json.loads(tree.attrs["bayescale"])
    header["record"].update(changes.pop("record", {}))
    header.update(changes)
    text = json.dumps({name: value for name, value in header.items() if value is not None})
    tree.attrs = {"bayescale": text, "digest": netcdf.digest_of(tree, text)}
    tree.to_netcdf(path, engine="h5netcdf")


def test_a_file_of_a_newer_version_asks_for_an_upgrade(copy):
    rewrite_header(copy, format=storage.FORMAT + 1)
    assert "upgrade bayescale" in refusal(copy)


@pytest.mark.parametrize(
    "changes",
    [{"format": None}, {"format": "two"}, {"record": {"colour": "red"}}, {"diagnostics": {}}, {"warnings": None}],
    ids=["no format", "wordy format", "unknown entry", "missing entries", "no warnings"],
)
def test_a_header_that_does_not_fit_is_refused(copy, changes):
    rewrite_header(copy, **changes)
    assert "bayescale did not save it" in (text := refusal(copy)) or "another version of bayescale" in text


def test_a_file_cannot_name_code_to_run(copy, tmp_path):
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n")
    for name in (str(trap), f"{tmp_path}/trap"):
        for origin in ("shipped", "trap.py", "object"):
            rewrite_header(copy, record={"law": name, "law_origin": origin})
            refusal(copy)
    assert not (tmp_path / "sprung").exists()


def test_a_law_of_ones_own_must_be_given_again(own_fit, own_law, tmp_path):
    path = save(own_fit, tmp_path / "own.nc")
    assert "my_law.py" in (text := refusal(path))
    assert "law=" in text
    again = load(path, law=own_law)
    assert again.law.name == "steps"
    assert b"nobody" not in path.read_bytes()


def test_a_law_that_has_changed_or_is_another_is_refused(own_fit, own_law, tmp_path):
    path = save(own_fit, tmp_path / "own.nc")
    assert "another version of law 'steps'" in refusal(path, law="chinchilla")
    own_law.write_text(own_law.read_text().replace('p["floor"] +', '2 * p["floor"] +'))
    assert "another version of law 'steps'" in refusal(path, law=own_law)
    own_law.unlink()
    assert "no such law file" in refusal(path, law=own_law)


def test_a_shipped_law_that_has_changed_is_refused(copy, monkeypatch):
    rewrite_header(copy, record={"law_hash": "0" * 64})
    assert "another version of law 'chinchilla' or of what it imports (hash 000000000000, now" in refusal(copy)


def test_a_law_whose_shared_module_has_changed_is_refused(copy, tmp_path, monkeypatch):
    package = shutil.copytree(Path(sources.__file__).parent.parent, tmp_path / "bayescale")
    monkeypatch.setattr(sources, "__file__", str(package / "laws" / "sources.py"))
    load(copy)
    package = shutil.copytree(package, tmp_path / "changed")
    shared = package / "laws" / "additive.py"
    shared.write_text(shared.read_text().replace("mu=", "mu=0.1 + "))
    monkeypatch.setattr(sources, "__file__", str(package / "laws" / "sources.py"))
    assert "another version of law 'chinchilla' or of what it imports" in refusal(copy)


def test_a_law_made_in_python_is_given_as_an_object(few_runs, tmp_path):
    law = replace(load_law("tied"), name="mine")
    path = save(fit(law, few_runs), tmp_path / "mine.nc")
    assert "a law of your own (object)" in refusal(path)
    assert "not 'tied'" in refusal(path, law=load_law("tied"))
    assert load(path, law=law).law is law


@pytest.mark.parametrize("path", ["absent/fit.nc", "."])
def test_a_place_that_cannot_be_written_is_refused(few_fit, tmp_path, path):
    with pytest.raises(OutputError, match=r"create it first|is a folder"):
        save(few_fit, tmp_path / path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_refused(few_fit, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="choose a folder that you may write to"):
        save(few_fit, tmp_path / "fit.nc")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()])
def test_a_save_that_fails_leaves_the_old_file_and_no_litter(few_fit, tmp_path, monkeypatch, error):
    path = save(few_fit, tmp_path / "fit.nc")
    before = path.read_bytes()

    def write_half(self, content):
        with open(self, "wb") as file:
            file.write(content[: len(content) // 2])
        raise error

    monkeypatch.setattr("pathlib.Path.write_bytes", write_half)
    with pytest.raises((OutputError, KeyboardInterrupt, MemoryError)):
        save(few_fit, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_save_that_is_killed_leaves_the_old_file_whole(saved_fit, copy):
    code = f"""
import os, pathlib, signal
from bayescale import load, save
write = pathlib.Path.write_bytes
def killed(self, content):
    write(self, content[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
pathlib.Path.write_bytes = killed
save(load({str(saved_fit)!r}), {str(copy)!r})
"""
    before = copy.read_bytes()
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert copy.read_bytes() == before
    (left,) = set(copy.parent.iterdir()) - {copy}
    assert left.name.startswith(".unfinished-copy-")
    assert load(save(load(copy), copy)).record == load(saved_fit).record


def test_a_saved_file_has_the_usual_permissions(few_fit, tmp_path):
    before = os.umask(0o027)
    try:
        assert save(few_fit, tmp_path / "fit.nc").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)
