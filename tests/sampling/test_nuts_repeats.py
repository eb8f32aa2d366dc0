"""The same seed gives the same draws of NUTS, whatever the compilation cache holds."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

DRAW = """
import hashlib
import pandas as pd
from bayescale.posterior.single import fit_law

x = [10.0, 20.0, 40.0, 80.0, 160.0, 320.0]
runs = pd.DataFrame({"x": x, "y": [3.0, 2.6, 2.2, 1.9, 1.65, 1.45]})
fitted = fit_law("m1", runs, discrepancy=False, engine="nuts", draws=100, chains=2, seed=3)
print(hashlib.sha256(fitted.parameters["slope"].tobytes()).hexdigest())
"""


@pytest.mark.long
def test_a_cold_and_a_warm_compilation_cache_give_the_same_draws(tmp_path):
    environment = {**os.environ, "PYTENSOR_FLAGS": f"base_compiledir={tmp_path}"}
    cold, warm = (
        subprocess.run([sys.executable, "-c", DRAW], env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert any(tmp_path.iterdir())
    assert len(cold.strip()) == 64
    assert cold == warm
