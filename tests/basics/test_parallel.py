"""Many fits: where they run changes no number, a lost worker costs a retry, and a stopped study goes on."""

import contextlib
import gc
import json
import os
import signal
import time
from pathlib import Path

import dask
import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from threadpoolctl import threadpool_limits

import bayescale as bs
from bayescale.basics.errors import BackendError, LawError, OutputError
from bayescale.basics.parallel import backend, fingerprint, run_tasks
from bayescale.validation.backtesting import backtest


@pytest.fixture(scope="module")
def cluster():
    """A Dask cluster of two worker processes on this machine, and the address of its scheduler."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as running:
        yield running.scheduler_address.replace("tcp://", "dask://")


def dies_once(i, folder):
    """A task whose worker is killed the first time."""
    mark = Path(folder) / f"{i} was killed"
    if i == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return {"i": i, "root": i**0.5, "worker": os.getpid()}


def always_dies():
    os.kill(os.getpid(), signal.SIGKILL)


def noted(i, folder):
    """A task that leaves a mark each time it runs."""
    with (Path(folder) / "ran").open("a") as file:
        file.write(f"{i}\n")
    return [i, float("nan"), 0.1 + i]


def times_ran(folder):
    return len((Path(folder) / "ran").read_text().splitlines())


def test_results_come_in_the_order_of_the_tasks():
    tasks = {f"task {i}": (i,) for i in (5, 1, 9, 3)}
    assert run_tasks(abs, tasks) == {"task 5": 5, "task 1": 1, "task 9": 9, "task 3": 3}
    assert run_tasks(abs, tasks, jobs=2) == run_tasks(abs, tasks)
    assert run_tasks(abs, {}) == {}


@pytest.mark.slow
@pytest.mark.parametrize("place", ["processes", "dask"])
def test_a_killed_worker_costs_a_retry_and_not_the_study(place, tmp_path, request, capsys):
    address = request.getfixturevalue("cluster") if place == "dask" else None
    tasks = {str(i): (i, str(tmp_path)) for i in range(8)}
    kept = tmp_path / "kept.jsonl"
    with backend(address):
        found = run_tasks(dies_once, tasks, jobs=None if address else 2, keep=kept, label="squares", progress=True)
    assert (tmp_path / "3 was killed").exists()
    assert [found[str(i)]["root"] for i in range(8)] == [i**0.5 for i in range(8)]
    assert len(kept.read_text().splitlines()) == 8
    shown = capsys.readouterr().err
    assert "squares" in shown
    assert "100%" in shown


@pytest.mark.slow
def test_workers_that_die_again_and_again_are_given_up_in_one_line(monkeypatch):
    monkeypatch.setattr("bayescale.basics.parallel.RETRIES", 1)
    said = "killed 2 times in a row, with 1 of 1 fits left: they may have run out of memory"
    with pytest.raises(BackendError, match=said):
        run_tasks(always_dies, {"one": ()}, jobs=2)


def test_a_stopped_study_goes_on_where_it_was(tmp_path):
    kept = tmp_path / "folder" / "kept.jsonl"
    half = {str(i): (i, str(tmp_path)) for i in range(3)}
    first = run_tasks(noted, half, keep=kept)
    with kept.open("a") as file:
        file.write('{"task": "3", "result": [3, Na')  # cut short by a kill
    everything = {str(i): (i, str(tmp_path)) for i in range(6)}
    second = run_tasks(noted, everything, keep=kept)
    assert times_ran(tmp_path) == 6
    assert list(second) == [str(i) for i in range(6)]
    np.testing.assert_equal({key: second[key] for key in first}, first)
    np.testing.assert_equal(run_tasks(noted, everything, keep=kept), second)
    assert times_ran(tmp_path) == 6


def test_the_bar_of_a_resumed_study_starts_where_it_was(tmp_path, capsys):
    tasks = {str(i): (i, str(tmp_path)) for i in range(4)}
    run_tasks(noted, tasks, keep=tmp_path / "kept.jsonl")
    run_tasks(noted, tasks, keep=tmp_path / "kept.jsonl", progress=True)
    assert "100%" in capsys.readouterr().err
    assert times_ran(tmp_path) == 4


def test_results_that_are_kept_are_data_and_never_code(tmp_path):
    run_tasks(noted, {"0": (0, str(tmp_path))}, keep=tmp_path / "kept.jsonl")
    (line,) = (tmp_path / "kept.jsonl").read_text().splitlines()
    assert json.loads(line)["task"] == "0"


@pytest.mark.parametrize("content", [b"[1, 2]\n", b"null\n{}\n", b'{"task": ["0"], "result": 1}\n', b"\0"])
def test_foreign_lines_among_kept_results_are_left_alone(content, tmp_path):
    kept = tmp_path / "kept.jsonl"
    kept.write_bytes(content)
    np.testing.assert_equal(run_tasks(noted, {"0": (0, str(tmp_path))}, keep=kept)["0"], [0, float("nan"), 0.1])
    np.testing.assert_equal(run_tasks(noted, {"0": (0, str(tmp_path))}, keep=kept)["0"], [0, float("nan"), 0.1])
    assert kept.read_bytes().startswith(content)
    assert times_ran(tmp_path) == 1


def test_a_file_of_another_kind_is_not_written_to(tmp_path):
    kept = tmp_path / "kept.jsonl"
    kept.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OutputError, match=r"kept\.jsonl: cannot be read as stored results"):
        run_tasks(noted, {"0": (0, str(tmp_path))}, keep=kept)
    assert kept.read_bytes() == b"\xff\xfe\x00"


def test_a_place_that_nothing_can_be_kept_in_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    for keep in (tmp_path, tmp_path / "file" / "kept.jsonl"):
        with pytest.raises(OutputError, match=r"cannot be (read as stored results|stored there)"):
            run_tasks(noted, {"0": (0, str(tmp_path))}, keep=keep)
    assert not (tmp_path / "ran").exists()


def test_a_fingerprint_depends_on_every_argument():
    assert fingerprint("chinchilla", {"seed": 1}) != fingerprint("chinchilla", {"seed": 2})
    assert fingerprint("a", "b") != fingerprint("ab")


@pytest.mark.parametrize("jobs", [None, 2])
def test_tasks_use_one_thread_each(jobs):
    def threads():
        from threadpoolctl import threadpool_info

        np.ones((2, 2)) @ np.ones((2, 2))
        return [pool["num_threads"] for pool in threadpool_info()]

    elsewhere = parallel_config("loky", inner_max_num_threads=2) if jobs else contextlib.nullcontext()
    with threadpool_limits(limits=2), elsewhere:  # which they would use, were they let
        found = run_tasks(threads, {"one": (), "two": ()}, jobs=jobs)
    for each in found.values():
        assert each
        assert set(each) == {1}


@pytest.mark.slow
def test_workers_of_another_bayescale_are_refused(monkeypatch):
    monkeypatch.setattr("bayescale.basics.parallel._shipped", lambda: ("bayescale 0", "numpy 1.0"))
    with pytest.raises(
        BackendError, match=r"other versions of bayescale or of libraries \(.*bayescale 0, bayescale .*install"
    ):
        run_tasks(abs, {"one": (1,)}, jobs=2)


@pytest.fixture(scope="module")
def gadre():
    return bs.load_dataset("gadre", group="c4")


OPTIONS = {"horizons": (100,), "baselines": False, "discrepancy": False}


@pytest.fixture(scope="module")
def serial(gadre):
    return backtest("kaplan_nd", gadre, **OPTIONS).scores


@pytest.mark.slow
def test_a_dask_cluster_finds_the_same_numbers_bit_for_bit(gadre, serial, cluster):
    with backend(cluster):
        elsewhere = backtest("kaplan_nd", gadre, **OPTIONS).scores
    pd.testing.assert_frame_equal(elsewhere, serial, check_exact=True)
    assert dask.config.get("scheduler", None) is None  # what others do with Dask is left as it was


@pytest.mark.slow
def test_processes_find_the_same_numbers_bit_for_bit_and_resume(gadre, serial, tmp_path):
    elsewhere = backtest("kaplan_nd", gadre, n_jobs=2, cache=tmp_path, **OPTIONS).scores
    pd.testing.assert_frame_equal(elsewhere, serial, check_exact=True)
    kept = (tmp_path / "backtests.jsonl").read_text().splitlines()
    (tmp_path / "backtests.jsonl").write_text("\n".join([*kept[1:], kept[0][:100]]))
    resumed = backtest("kaplan_nd", gadre, cache=tmp_path, **OPTIONS).scores
    pd.testing.assert_frame_equal(resumed, serial, check_exact=True)
    assert len((tmp_path / "backtests.jsonl").read_text().splitlines()) == len(kept) + 1 > 2


@pytest.mark.slow
def test_a_longer_calibration_goes_on_from_a_shorter_one(tmp_path):
    runs, asked = bs.load_dataset("gadre", group="c4"), {"draws": 250, "discrepancy": False}
    few = bs.recover("tied", runs, replicates=2, cache=tmp_path, **asked).replicates
    more = bs.recover("tied", runs, replicates=3, cache=tmp_path, **asked).replicates
    assert more[:2] == few
    assert len((tmp_path / "recoveries.jsonl").read_text().splitlines()) == 3
    fresh = bs.recover("tied", runs, replicates=3, **asked).replicates
    assert [replicate.ranks for replicate in fresh] == [replicate.ranks for replicate in more]


@pytest.mark.slow
def test_splits_of_other_settings_are_not_taken_for_these(gadre, serial, tmp_path):
    first = backtest("kaplan_nd", gadre, cache=tmp_path, seed=1, **OPTIONS).scores
    again = backtest("kaplan_nd", gadre, cache=tmp_path, seed=0, **OPTIONS).scores
    assert (first["crps"] != serial["crps"]).all()
    pd.testing.assert_frame_equal(again, serial, check_exact=True)


def clients():
    return [each for each in gc.get_objects() if type(each).__name__ == "Client"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("dask", "give dask://host:port"),
        ("local://", "give dask://host:port"),
        ("", "give dask://host:port"),
        ("dask://127.0.0.1:1", "no Dask scheduler answers at 127.0.0.1:1"),
        ("dask://no port", "no Dask scheduler answers at no port"),
        ("ray://127.0.0.1:1", "pip install 'bayescale"),
    ],
)
def test_a_backend_that_cannot_be_had_is_refused_in_one_line(address, message, monkeypatch):
    before = clients()  # of other tests
    monkeypatch.setattr("bayescale.basics.parallel._DASK_TIMEOUT", 1.0)
    with pytest.raises(BackendError) as caught, backend(address):
        pass
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    # One that is collected while the next one starts stops everything.
    assert len(clients()) <= len(before)


@pytest.mark.slow
def test_the_command_line_takes_a_cluster(run_cli, cluster, tmp_path):
    options = ["--horizon", "100", "--no-discrepancy", "--cache", tmp_path]
    command = ["backtest", "gadre:c4", "--law", "kaplan_nd", "--json", *options]
    status, out, err = run_cli(*command, "--backend", cluster)
    assert status == 0, err
    again, resumed, _ = run_cli(*command)
    assert (again, resumed) == (0, out)
    status, _, err = run_cli(*command, "--backend", cluster, "--jobs", 2)
    assert status == 2
    assert "give one of them" in err


@pytest.mark.slow
def test_a_kept_back_test_whose_ceilings_share_a_split_is_whole(tmp_path):
    gaps = np.repeat([1e18, 1e21], [12, 4]) * np.tile(np.linspace(1, 1.5, 4), 4)
    N = np.sqrt(gaps / 120) * np.tile([0.7, 1.0, 1.4, 2.0], 4)
    frame = pd.DataFrame({"N": N, "D": gaps / 6 / N})
    frame["loss"] = 1.8 + 400 * frame["N"] ** -0.34 + 400 * frame["D"] ** -0.28
    options = {"horizons": (30, 100), "baselines": False, "discrepancy": False}
    kept = backtest("kaplan_nd", frame, cache=tmp_path, **options).scores
    fits = len((tmp_path / "backtests.jsonl").read_text().splitlines())
    assert fits < len(kept.groupby(["horizon", "ceiling"]))
    by_horizon = [block["crps"].to_numpy() for _, block in kept.groupby("horizon")]
    np.testing.assert_array_equal(*by_horizon)


def test_kept_results_are_of_the_runs_and_their_labels():
    frame = pd.DataFrame({"N": [1e8, 2e8, 4e8, 8e8], "D": [2e9, 9e9, 1e10, 3e10], "loss": [3.2, 3.0, 2.8, 2.6]})
    hashes = {bs.Runs.from_frame(frame.assign(run=list(labels))).data_hash for labels in ("aabb", "abab", "aabb")}
    assert len(hashes) == 2


def test_laws_that_are_objects_are_not_kept(chinchilla_runs, tmp_path):
    with pytest.raises(LawError, match="give the law's name or file"):
        bs.recover(bs.load_law("tied"), chinchilla_runs, replicates=1, cache=tmp_path)
