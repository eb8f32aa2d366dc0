"""What every fit promises, and fits that need not keep it."""

from contextlib import contextmanager

import pytest

from bayescale.posterior import pooling, single


def vouched_for(fitted):
    """Whether draws are certified, or warned of: which of the two rounding may decide where a posterior is hard."""
    return fitted.certified or any("NOT CERTIFIED" in text for text in fitted.warnings)


@contextmanager
def sketches():
    """Draws come from one quick proposal: good enough where a test is of what is done with them."""
    sample = single.sampled_runs

    def sketch(observed, options, **_):
        return sample(observed, options, certify=False)

    with pytest.MonkeyPatch.context() as patch:
        for module in (single, pooling):
            patch.setattr(module, "sampled_runs", sketch)
        yield
