import arviz as az
import pymc as pm

import bayescale as bs

runs = bs.load_dataset("gadre", group="c4")
print(bs.check(runs))

prior = bs.draw_prior("chinchilla", runs, draws=250)
imagined = bs.prior_predictive(prior)
print(imagined)
bs.plots.plot_predictive(imagined)

best = prior.plan(budget="1e22")
print(best)

priors = {"E": bs.elicit("LogNormal", {0.05: 1.3, 0.95: 2.1})}
stated = bs.prior_predictive("chinchilla", runs, draws=250, priors=priors)
print(stated)

fit = bs.fit("chinchilla", runs, priors=priors, seed=2)
print(fit.certified, fit.warnings)
columns = ["q05", "q50", "q95", "sensitivity_prior", "sensitivity_runs", "unit"]
print(fit.summary().loc[["E", "a_opt", "tau", "sigma"], columns].round(4).to_string())
bs.plots.plot_prior_posterior(fit, ("E", "a_opt"))

print(", ".join(variable.name for variable in fit.model.free_RVs))
graph = pm.model_to_mermaid(fit.model)

replicated = bs.posterior_predictive(fit)
print(replicated)
bs.plots.plot_predictive(replicated)

calibrated = bs.calibration(fit)
print(calibrated)
bs.plots.plot_calibration(calibrated)
left_out = az.loo(fit.tree, pointwise=True)
print(f"elpd {left_out.elpd:.1f}, largest Pareto k-hat {float(left_out.pareto_k.max()):.2f}")

recovered = bs.recover("chinchilla", runs, replicates=100, cache="studies", progress=True, priors=priors)
print(recovered)

nearby = bs.recover(fit, replicates=100, cache="studies", progress=True)
print(nearby.summary().loc[["E", "a_opt"], ["cover_0.5", "cover_0.9", "p_value"]])

compared = bs.compare(["chinchilla", "tied"], runs, horizons=[3], cache="studies", priors=priors)
print(compared.verdict)

evidence = [bs.Published(N_star="70B", C="5.76e23", sd=0.5)]
pulled = bs.fit("chinchilla", runs, priors=priors, evidence=evidence)
moved = bs.pull(pulled).query("quantity in ['E', 'a_opt']")
print(moved[["quantity", "with", "without", "shift"]].round(3).to_string(index=False))

plan = fit.plan(budget="1e22")
print(plan)
bs.plots.plot_isoflop(fit, "1e22")

choice = bs.versus(fit, {"N": "7B", "D": "240B"}, {"N": "14B", "D": "120B"})
print(choice)
