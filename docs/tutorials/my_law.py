from bayescale import PARAMETERS, TOKENS, Law, Parameter, Prior, power


def mean(xp, x, p):  # xp is NumPy or PyTensor: the same lines serve forecasts and the sampler
    return p["level"] * power(xp, x["N"] / 3e8, -p["alpha_N"]) * power(xp, x["D"] / 1e10, -p["beta_D"])


LAW = Law(
    name="separable",
    title="Separable power law without a floor",
    formula="level (N/3e8)^-alpha_N (D/1e10)^-beta_D",
    citation="an example",
    inputs=(PARAMETERS, TOKENS),
    parameters=(
        Parameter(
            name="level", prior=Prior("LogNormal", mu=1.0, sigma=0.3), meaning="loss at 300M, 10B", unit="nats/token"
        ),
        Parameter(name="alpha_N", prior=Prior("LogNormal", mu=-2.5, sigma=0.5), meaning="exponent of parameters"),
        Parameter(name="beta_D", prior=Prior("LogNormal", mu=-2.5, sigma=0.5), meaning="exponent of data"),
    ),
    mean=mean,
)
