"""Growth of training cost: log-linear in time (Cottier et al. 2024)."""

import numpy as np

from bayescale import Law, Parameter, Prior, PublishedFit, growth

Y_CENTRE = Parameter(
    name="y_centre",
    prior=Prior("LogNormal", mu=float(np.log(1e5)), sigma=4.0),
    meaning="training cost at the mean date of the models",
    unit="2023 US dollars",
    reason="5-95 % 140 dollars to 70 million: from the models of 2010 to those of 2025",
)
GROWTH = Parameter(
    name="log_growth",
    prior=Prior("Normal", mu=float(np.log(2.0)), sigma=0.5),
    meaning="log of the factor by which it grows in a year",
    unit="1/year",
    reason="5-95 % a factor of 0.9 to 4.6 a year: from a fall to faster growth than that of compute per dollar",
)


LAW = Law(
    name="cost_growth",
    title="Growth of training cost",
    formula="y_0 g^(year - year_0)",
    citation="Cottier et al. 2024, arXiv:2405.21015",
    decision="What training a frontier model will cost by a date.",
    failure="Ignores limits of money, and fitted to all models it is the trend of their median.",
    inputs=(growth.YEAR,),
    outcome="cost_2023usd",
    outcome_unit="2023 US dollars",
    scatter=1.0,
    falls=False,
    parameters=(Y_CENTRE, GROWTH),
    derived=growth.DERIVED,
    mean=growth.mean,
    derive=growth.derive,
    published=(
        PublishedFit(
            citation="Cottier et al. 2024, arXiv:2405.21015",
            values={"growth_per_year": 2.4},
            note="90 % interval 2.0-2.9, frontier models since 2016",
        ),
    ),
)
