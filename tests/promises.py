"""What every fit promises."""


def vouched_for(fitted):
    """Whether draws are certified, or warned of: which of the two rounding may decide where a posterior is hard."""
    return fitted.certified or any("NOT CERTIFIED" in text for text in fitted.warnings)
