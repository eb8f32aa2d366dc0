"""Growth of training compute: log-linear in time, for models, domains or a frontier (Epoch AI)."""

import numpy as np

from bayescale import Law, Parameter, Prior, PublishedFit, growth

Y_CENTRE = Parameter(
    name="y_centre",
    prior=Prior("LogNormal", mu=float(np.log(1e21)), sigma=7.0),
    meaning="training compute at the mean date of the models",
    unit="FLOP",
    reason="5-95 % 1e16-1e26 FLOP: from the models of 2010 to those of 2025",
)
GROWTH = Parameter(
    name="log_growth",
    prior=Prior("Normal", mu=float(np.log(3.0)), sigma=0.5),
    meaning="log of the factor by which it grows in a year",
    unit="1/year",
    reason="5-95 % a factor of 1.3 to 6.8 a year: from better hardware alone to the boldest budgets",
)


LAW = Law(
    name="frontier_growth",
    title="Growth of training compute",
    formula="y_0 g^(year - year_0)",
    citation="Epoch AI, training compute of notable models since 2010",
    decision="How much training compute others will use by a date.",
    failure="Ignores limits of power, chips or data; fitted to all models it is the trend of their median.",
    inputs=(growth.YEAR,),
    outcome="C",
    outcome_unit="FLOP",
    scatter=1.0,
    falls=False,
    parameters=(Y_CENTRE, GROWTH),
    derived=growth.DERIVED,
    mean=growth.mean,
    derive=growth.derive,
    published=(
        PublishedFit(
            citation="Epoch AI, training compute of notable models since 2010",
            values={"growth_per_year": 4.7},
            note="90 % interval 4.3-5.2, 428 models",
        ),
    ),
)
