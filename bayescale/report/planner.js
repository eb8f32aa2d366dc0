// Finds the best run in every draw, as bayescale.planning.allocation does, under limits and for serving or money.

const SERVING = 2; // FLOP per parameter and token
const CLOSER = 4; // times as many sizes are tried if serving has to be paid, and drawn
const NEAR = 0.005; // share of the best outcome within which a size counts as good as the best

function unpacked(text, Kind) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Kind(bytes.buffer);
}

function quantile(sorted, p) {
  const place = p * (sorted.length - 1), left = Math.floor(place);
  return sorted[left] + (place - left) * ((sorted[left + 1] ?? sorted[left]) - sorted[left]);
}

function interval(values, mass) {
  const sorted = Float64Array.from(values).sort();
  return [(1 - mass) / 2, 0.5, (1 + mass) / 2].map((p) => quantile(sorted, p));
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// Weights of the cubic through the four grid points around a position, and the first of these points.
function taps(place, n) {
  const first = Math.min(Math.max(Math.floor(place) - 1, 0), n - 4), u = place - first;
  return [first, [-((u - 1) * (u - 2) * (u - 3)) / 6, (u * (u - 2) * (u - 3)) / 2, -(u * (u - 1) * (u - 3)) / 2, (u * (u - 1) * (u - 2)) / 6]];
}

class Surfaces {
  constructor(given) {
    [this.draws, this.rows, this.sizes] = given.shape;
    [this.firstRow, this.rowStep] = given.log_compute;
    [this.start, this.slope, this.step] = given.sizes;
    this.low = unpacked(given.low, Float32Array);
    this.span = unpacked(given.span, Float32Array);
    this.latent = unpacked(given.latent, Uint16Array);
    this.noise = unpacked(given.noise, Float32Array);
    this.noiseScale = unpacked(given.noise_scale, Float32Array);
    this.sign = given.falls ? 1 : -1;
    const links = {
      log: { inverse: Math.exp },
      logit: { inverse: (z) => 1 / (1 + Math.exp(-z)) },
      identity: { inverse: (z) => z },
      log_log: { inverse: (z) => Math.exp(Math.exp(z)) },
      log_of_1_minus: { inverse: (z) => 1 - Math.exp(-z) },
    };
    this.inverse = links[given.link].inverse;
  }

  get lastRow() { return this.firstRow + this.rowStep * (this.rows - 1); }

  // Grid position of a run with compute exp(logC) and size exp(logN); null outside.
  place(logC, logN) {
    const x = (logC - this.firstRow) / this.rowStep, y = (logN - this.start - this.slope * logC) / this.step;
    const slack = 1e-9;
    if (!(x >= -slack && x <= this.rows - 1 + slack && y >= -slack && y <= this.sizes - 1 + slack)) return null;
    const [i, a] = taps(x, this.rows), [j, b] = taps(y, this.sizes);
    const cells = [], weights = [];
    for (let p = 0; p < 4; p++) for (let q = 0; q < 4; q++) {
      const weight = a[p] * b[q];
      if (Math.abs(weight) > 1e-12) { cells.push((i + p) * this.sizes + j + q); weights.push(weight); }
    }
    const row = Math.round(Math.min(Math.max(x, 0), this.rows - 1)), size = Math.round(Math.min(Math.max(y, 0), this.sizes - 1));
    return { logN, logC, cells, weights, scale: this.noiseScale[row * this.sizes + size] };
  }

  // The law's mean with its discrepancy in a draw, on the link's scale.
  height(draw, place) {
    const offset = draw * this.rows * this.sizes;
    let sum = 0;
    for (let k = 0; k < place.cells.length; k++) {
      const cell = place.cells[k];
      sum += place.weights[k] * (this.low[cell] + this.span[cell] * this.latent[offset + cell]);
    }
    return sum;
  }

  withNoise(draw, place, height) { return this.inverse(height + this.noise[draw] * place.scale); }

  // A run of a given size that a budget trains and serves; null if the grid does not contain it.
  run(logBudget, logN, served) {
    const left = Math.exp(logBudget) - SERVING * served * Math.exp(logN);
    return left > 0 ? this.place(Math.log(left), logN) : null;
  }

  // Sizes on the grid for a budget, smallest first; denser if serving limits them.
  candidates(logBudget, served, closer = served > 0) {
    const found = [], step = closer ? this.step / CLOSER : this.step;
    for (let logN = this.start + this.slope * logBudget; ; logN += step) {
      const run = this.run(logBudget, logN, served);
      if (!run) return found;
      found.push(run);
    }
  }

  // The best run of a draw among evenly spaced candidates, refined by the parabola through its neighbours.
  best(draw, candidates, logBudget, limits) {
    const n = candidates.length;
    const worse = candidates.map((each) => this.sign * this.height(draw, each));
    let at = 1;
    for (let k = 0; k < n; k++) if (worse[k] < worse[at]) at = k;
    at = Math.min(Math.max(at, 1), n - 2);
    const [before, here, after] = [worse[at - 1], worse[at], worse[at + 1]];
    const curvature = Math.max(before - 2 * here + after, 1e-300);
    const shift = Math.min(Math.max((0.5 * (before - after)) / curvature, -1), 1);
    let logN = candidates[at].logN + shift * (candidates[1].logN - candidates[0].logN);
    if (logN < limits.leastLogN) logN = limits.leastLogN;
    const run = this.run(logBudget, logN, limits.served) || candidates[at];
    return { logN: run.logN, run, height: this.height(draw, run) };
  }
}

class Planner {
  constructor(given) {
    this.given = given;
    this.surfaces = new Surfaces(given);
    this.price = unpacked(given.dollars_per_flop, Float64Array);
  }

  // Compute of each draw: that of the budget, or what the dollars buy.
  compute(state) {
    if (state.currency === "flop") return null;
    return Array.from(this.price, (price) => (state.budget - this.given.study) / price);
  }

  limits(state, logBudget) {
    const tokens = state.tokens ?? Infinity, served = state.served ?? 0;
    return { served, leastLogN: tokens === Infinity ? -Infinity : logBudget - Math.log(this.given.training * tokens + SERVING * served) };
  }

  // Candidates and limits for a budget, or the reason why there are none.
  options(state, logBudget) {
    const limits = this.limits(state, logBudget), reach = this.surfaces;
    if (!(logBudget >= reach.firstRow - 1e-9 && logBudget <= reach.lastRow + 1e-9)) return { fault: `This page covers budgets from ${quantity(Math.exp(reach.firstRow))} to ${quantity(Math.exp(reach.lastRow))} FLOP: choose one of these.` };
    const candidates = reach.candidates(logBudget, limits.served);
    if (candidates.length < 4) return { fault: "Serving this many tokens uses the whole budget: raise the budget, or serve fewer." };
    if (limits.leastLogN > candidates[candidates.length - 1].logN) return { fault: "With so few tokens, all sizes are far above the best and outside this page: raise the tokens, or lower the budget." };
    return { candidates, limits };
  }

  // Draws of the best run, or a fault.
  solve(state) {
    const bought = this.compute(state), n = this.surfaces.draws;
    const columns = { C: new Float64Array(n), N: new Float64Array(n), D: new Float64Array(n), ratio: new Float64Array(n), loss: new Float64Array(n), dollars: new Float64Array(n), serving: new Float64Array(n), regret: new Float64Array(n) };
    if (bought && state.budget <= this.given.study) return { fault: "This amount does not cover the cost of the study: give more dollars." };
    const shared = bought ? null : this.options(state, Math.log(state.budget));
    const judged = state.size !== null;
    let near = 0, unusable = 0, reason = "";
    for (let draw = 0; draw < n; draw++) {
      const logBudget = Math.log(bought ? bought[draw] : state.budget);
      const options = shared || this.options(state, logBudget);
      if (options.fault) return options;
      const best = this.surfaces.best(draw, options.candidates, logBudget, options.limits);
      const training = Math.exp(best.run.logC), size = Math.exp(best.logN);
      columns.C[draw] = Math.exp(logBudget);
      columns.N[draw] = size;
      columns.D[draw] = training / (this.given.training * size);
      columns.ratio[draw] = columns.D[draw] / size;
      columns.loss[draw] = this.surfaces.withNoise(draw, best.run, best.height);
      columns.dollars[draw] = columns.C[draw] * this.price[draw] + this.given.study;
      columns.serving[draw] = (SERVING * options.limits.served * size) / columns.C[draw];
      if (!judged) continue;
      const why = this.unusable(state, logBudget, options.limits);
      if (why) { unusable += 1; reason = why; continue; }
      const own = this.surfaces.run(logBudget, Math.log(state.size), options.limits.served);
      const best_outcome = this.surfaces.inverse(best.height);
      columns.regret[draw] = Math.max(this.surfaces.sign * (this.surfaces.inverse(this.surfaces.height(draw, own)) - best_outcome), 0);
      if (columns.regret[draw] <= NEAR * Math.abs(best_outcome)) near += 1;
    }
    return { columns, near: judged && !unusable ? near / n : null, own: unusable ? { reason, share: unusable / n } : null };
  }

  // Why a budget cannot train the user's own size; empty if it can.
  unusable(state, logBudget, limits) {
    const size = state.size, left = Math.exp(logBudget) - SERVING * limits.served * size;
    if (!(left > 0)) return `serving ${quantity(limits.served)} tokens with it takes more than the whole budget`;
    const tokens = quantity(left / (this.given.training * size));
    if (Math.log(size) < limits.leastLogN - 1e-9) return `it would need ${tokens} training tokens to use the budget, more than are available`;
    if (!this.surfaces.place(Math.log(left), Math.log(size))) return `the budget would train it on ${tokens} tokens, too far from the best run for this page to judge`;
    return "";
  }

  // Intervals of the best run's size and outcome at every budget of the grid.
  curve(state) {
    const reach = this.surfaces, found = [];
    for (let row = 0; row < reach.rows; row++) {
      const logBudget = reach.firstRow + row * reach.rowStep, options = this.options(state, logBudget);
      if (options.fault) continue;
      const sizes = new Float64Array(reach.draws), outcomes = new Float64Array(reach.draws);
      for (let draw = 0; draw < reach.draws; draw++) {
        const best = reach.best(draw, options.candidates, logBudget, options.limits);
        sizes[draw] = Math.exp(best.logN);
        outcomes[draw] = reach.withNoise(draw, best.run, best.height);
      }
      found.push({ C: Math.exp(logBudget), N: sizes, outcome: outcomes });
    }
    return found;
  }

  // Draws of the expected outcome at each size that a budget allows.
  profile(state, logBudget) {
    const options = this.options(state, logBudget);
    if (options.fault) return [];
    return this.surfaces.candidates(logBudget, options.limits.served, true).filter((run) => run.logN >= options.limits.leastLogN).map((run) => ({
      N: Math.exp(run.logN), D: Math.exp(run.logC - run.logN) / this.given.training,
      outcome: Float64Array.from({ length: this.surfaces.draws }, (_, draw) => this.surfaces.inverse(this.surfaces.height(draw, run))),
    }));
  }
}

// Numbers as bayescale writes and reads them: 70B, 1.4T, 5.76e+23.
function quantity(value, digits = 3) {
  if (!Number.isFinite(value)) return String(value);
  const plain = (number) => {
    const rounded = Number(number.toPrecision(digits));
    return Math.abs(rounded) >= 10 ** (digits - 1) ? rounded.toFixed(0) : String(rounded);
  };
  const magnitude = Number(Math.abs(value).toPrecision(digits));
  if (magnitude >= 1e15) return Number(value.toPrecision(digits)).toExponential();
  for (const [suffix, scale] of [["T", 1e12], ["B", 1e9], ["M", 1e6], ["k", 1e3]]) if (magnitude >= scale) return plain(value / scale) + suffix;
  return plain(value);
}

function parseQuantity(text) {
  const match = /^\s*(\d[\d_]*\.?\d*|\.\d+)([eE][+-]?\d+)?\s*([kKMBGT]?)\s*$/.exec(text);
  if (!match) return NaN;
  return Number(match[1].replaceAll("_", "") + (match[2] || "")) * { "": 1, k: 1e3, K: 1e3, M: 1e6, B: 1e9, G: 1e9, T: 1e12 }[match[3]];
}
