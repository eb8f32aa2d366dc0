"""Growth of training sets: log-linear in time (Villalobos et al. 2024)."""

import numpy as np

from bayescale import Law, Parameter, Prior, PublishedFit, growth

Y_CENTRE = Parameter(
    name="y_centre",
    prior=Prior("LogNormal", mu=float(np.log(1e10)), sigma=4.0),
    meaning="size of the training set at the mean date of the models",
    unit="datapoints",
    reason="5-95 % 14 million to 7e12: from word lists to the whole of the indexed web",
)
GROWTH = Parameter(
    name="log_growth",
    prior=Prior("Normal", mu=float(np.log(2.0)), sigma=0.5),
    meaning="log of the factor by which it grows in a year",
    unit="1/year",
    reason="5-95 % a factor of 0.9 to 4.6 a year: from no growth to the growth of compute itself",
)


LAW = Law(
    name="data_growth",
    title="Growth of training sets",
    formula="y_0 g^(year - year_0)",
    citation="Villalobos et al. 2024, arXiv:2211.04325",
    decision="When training uses all available text.",
    failure="Ignores the limit of the stock; some sizes are counted in tokens, others in words or sentences.",
    inputs=(growth.YEAR,),
    outcome="dataset_size",
    outcome_unit="datapoints",
    scatter=1.0,
    falls=False,
    parameters=(Y_CENTRE, GROWTH),
    derived=growth.DERIVED,
    mean=growth.mean,
    derive=growth.derive,
    published=(
        PublishedFit(
            citation="Villalobos et al. 2024, arXiv:2211.04325",
            values={"growth_per_year": 2.4},
            note="0.38 decades a year, 95 % interval 0.27-0.48, text models",
        ),
    ),
)
