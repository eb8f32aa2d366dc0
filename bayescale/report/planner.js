// The planner: finds the best run in every draw, as bayescale.planning.allocation does, and shows medians and intervals.

const TRAINING = 6, SERVING = 2; // FLOP per parameter and token
const CLOSER = 4; // times as many sizes are tried where serving has to be paid
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

// Weights of the cubic through the four grid points around a place, and the first of them.
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
    };
    this.inverse = links[given.link].inverse;
  }

  get lastRow() { return this.firstRow + this.rowStep * (this.rows - 1); }

  // Where a run of compute exp(logC) and size exp(logN) lies on the grid; null outside.
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
    return { logN, logC, cells, weights, row, scale: this.noiseScale[row * this.sizes + size] };
  }

  // The law's mean with its error in a draw, on the link's scale.
  height(draw, place) {
    const offset = draw * this.rows * this.sizes;
    let sum = 0;
    for (let k = 0; k < place.cells.length; k++) {
      const cell = place.cells[k];
      sum += place.weights[k] * (this.low[cell] + this.span[cell] * this.latent[offset + cell]);
    }
    return sum;
  }

  withNoise(draw, place, height) { return this.inverse(height + this.noise[draw * this.rows + place.row] * place.scale); }

  // A run of a size that a budget trains and serves; null where the page holds no such run.
  run(logBudget, logN, served) {
    const left = Math.exp(logBudget) - SERVING * served * Math.exp(logN);
    return left > 0 ? this.place(Math.log(left), logN) : null;
  }

  // Sizes along a budget that the page holds, the smallest first; closer together where serving cuts them off.
  candidates(logBudget, served) {
    const found = [], step = served > 0 ? this.step / CLOSER : this.step;
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

  // Compute of each draw: a budget's own, or what dollars buy.
  compute(state) {
    if (state.currency === "flop") return null;
    return Array.from(this.price, (price) => (state.budget - this.given.study) / price);
  }

  limits(state, logBudget) {
    const tokens = state.tokens ?? Infinity, served = state.served ?? 0;
    return { served, leastLogN: tokens === Infinity ? -Infinity : logBudget - Math.log(TRAINING * tokens + SERVING * served) };
  }

  // What a budget allows: candidates and limits, or why there are none.
  options(state, logBudget) {
    const limits = this.limits(state, logBudget), reach = this.surfaces;
    if (!(logBudget >= reach.firstRow - 1e-9 && logBudget <= reach.lastRow + 1e-9)) return { fault: `This page holds budgets from ${quantity(Math.exp(reach.firstRow))} to ${quantity(Math.exp(reach.lastRow))} FLOP: choose one of these.` };
    const candidates = reach.candidates(logBudget, limits.served);
    if (candidates.length < 4) return { fault: "Serving so many tokens takes the whole budget: raise the budget, or serve fewer." };
    if (limits.leastLogN > candidates[candidates.length - 1].logN) return { fault: "So few tokens leave only sizes far beyond the best, which this page does not hold: raise the tokens, or lower the budget." };
    return { candidates, limits };
  }

  // Draws of the best run, or a fault.
  solve(state) {
    const bought = this.compute(state), n = this.surfaces.draws;
    const columns = { C: new Float64Array(n), N: new Float64Array(n), D: new Float64Array(n), ratio: new Float64Array(n), loss: new Float64Array(n), dollars: new Float64Array(n), serving: new Float64Array(n), regret: new Float64Array(n) };
    if (bought && state.budget <= this.given.study) return { fault: "So many dollars do not pay for the study before: give more." };
    const shared = bought ? null : this.options(state, Math.log(state.budget));
    let near = 0, judged = state.size !== null;
    for (let draw = 0; draw < n; draw++) {
      const logBudget = Math.log(bought ? bought[draw] : state.budget);
      const options = shared || this.options(state, logBudget);
      if (options.fault) return options;
      const best = this.surfaces.best(draw, options.candidates, logBudget, options.limits);
      const training = Math.exp(best.run.logC), size = Math.exp(best.logN);
      columns.C[draw] = Math.exp(logBudget);
      columns.N[draw] = size;
      columns.D[draw] = training / (TRAINING * size);
      columns.ratio[draw] = columns.D[draw] / size;
      columns.loss[draw] = this.surfaces.withNoise(draw, best.run, best.height);
      columns.dollars[draw] = columns.C[draw] * this.price[draw] + this.given.study;
      columns.serving[draw] = (SERVING * options.limits.served * size) / columns.C[draw];
      if (!judged) continue;
      const own = this.surfaces.run(logBudget, Math.log(state.size), options.limits.served);
      if (!own) return { fault: `A model of ${quantity(state.size)} parameters is too far from the best size for this page: choose one nearer to it.` };
      if (own.logN < options.limits.leastLogN - 1e-9) return { fault: `A model of ${quantity(state.size)} parameters needs more tokens than there are to use this budget: choose a larger one.` };
      const best_outcome = this.surfaces.inverse(best.height);
      columns.regret[draw] = Math.max(this.surfaces.sign * (this.surfaces.inverse(this.surfaces.height(draw, own)) - best_outcome), 0);
      if (columns.regret[draw] <= NEAR * Math.abs(best_outcome)) near += 1;
    }
    return { columns, near: judged ? near / n : null };
  }

  // Intervals of the best run's size and outcome at every budget that the page holds.
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
    return options.candidates.filter((run) => run.logN >= options.limits.leastLogN).map((run) => ({
      N: Math.exp(run.logN), D: Math.exp(run.logC - run.logN) / TRAINING,
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

function startPlanner(given, draw) {
  const planner = new Planner(given), reach = planner.surfaces;
  const find = (id) => document.getElementById(id);
  const form = find("planner-form"), slider = find("budget-slider"), fault = find("fault");
  const medianPrice = interval(planner.price, 0.9)[1];
  const currencyOf = () => form.elements.currency.value;
  const scaleOf = (currency) => (currency === "flop" ? 1 : medianPrice);
  const atStop = (stop, currency) => Math.exp(reach.firstRow + reach.rowStep * stop) * scaleOf(currency);
  const stopOf = (budget, currency) => (Math.log(budget / scaleOf(currency)) - reach.firstRow) / reach.rowStep;
  const label = `${given.outcome} (${given.unit})`;
  let solved = null, curveKey = "", curve = [];
  slider.max = String(reach.rows - 1);

  function put(state) {
    for (const choice of form.elements.currency) choice.checked = choice.value === state.currency;
    find("budget").value = state.budgetText;
    for (const name of ["tokens", "served", "size"]) find(name).value = state[`${name}Text`];
    find("mass").value = String(Math.round(state.mass * 100));
  }

  function read() {
    const state = { currency: currencyOf(), mass: Number(find("mass").value) / 100 };
    let wrong = "";
    for (const name of ["budget", "tokens", "served", "size"]) {
      const text = find(name).value.trim(), value = text === "" ? null : parseQuantity(text);
      const bad = (name === "budget" && text === "") || (value !== null && !(value > 0 && Number.isFinite(value)));
      find(name).setAttribute("aria-invalid", String(bad));
      if (bad) wrong = `“${text}” is not a number above zero: write it as 70B, 1.4T or 5.76e23.`;
      state[name] = value;
      state[`${name}Text`] = text;
    }
    return [state, wrong];
  }

  function keep(state) {
    const query = new URLSearchParams({ in: state.currency, budget: state.budgetText });
    for (const name of ["tokens", "served", "size"]) if (state[`${name}Text`]) query.set(name, state[`${name}Text`]);
    query.set("mass", String(state.mass));
    history.replaceState(null, "", `#planner?${query}`);
  }

  function kept() {
    const state = { currency: "flop", budgetText: quantityText(given.start.budget), tokensText: "", servedText: "", sizeText: "", mass: given.start.mass };
    if (!location.hash.startsWith("#planner?")) return [state, false];
    const query = new URLSearchParams(location.hash.slice("#planner?".length));
    if (query.get("in") === "dollars") state.currency = "dollars";
    for (const name of ["budget", "tokens", "served", "size"]) if (query.has(name)) state[`${name}Text`] = query.get(name);
    const mass = Number(query.get("mass"));
    if (mass >= 0.1 && mass <= 0.99) state.mass = mass;
    return [state, true];
  }

  const quantityText = (value) => (value >= 1e15 ? Number(value.toPrecision(4)).toExponential() : quantity(value, 4));

  function row(name, shown, ends, digits, unit) {
    const line = document.createElement("tr");
    line.id = `row-${name}`;
    Object.assign(line.dataset, { low: ends[0], median: ends[1], high: ends[2] });
    const cells = [shown, quantity(ends[1], digits), `${quantity(ends[0], digits)} to ${quantity(ends[2], digits)}`, unit];
    cells.forEach((text, i) => {
      const cell = document.createElement(i ? "td" : "th");
      if (!i) cell.scope = "row";
      cell.textContent = text;
      line.append(cell);
    });
    return line;
  }

  function tableRows(id, rows) {
    find(id).replaceChildren(...rows.map((cells) => {
      const line = document.createElement("tr");
      cells.forEach((text, i) => {
        const cell = document.createElement(i ? "td" : "th");
        if (!i) cell.scope = "row";
        cell.textContent = text;
        line.append(cell);
      });
      return line;
    }));
  }

  function showResults(state) {
    const { columns, near } = solved, at = (name) => interval(columns[name], state.mass);
    const rows = [];
    if (state.currency === "dollars") rows.push(row("C", "compute", at("C"), 3, "FLOP"));
    rows.push(row("N", "parameters N*", at("N"), 3, "parameters"), row("D", "training tokens D*", at("D"), 3, "tokens"));
    rows.push(row("ratio", "D*/N*", at("ratio"), 3, "tokens/parameter"), row("loss", `${given.outcome} of such a run`, at("loss"), 4, given.unit));
    if (state.currency === "flop") rows.push(row("dollars", `cost (${given.accelerator})`, at("dollars"), 3, "dollars"));
    if (state.served) rows.push(row("serving", "share that serving takes", at("serving"), 2, "of the FLOP"));
    if (state.size !== null) rows.push(row("regret", `regret of ${quantity(state.size)}`, at("regret"), 2, given.unit));
    find("results-rows").replaceChildren(...rows);
    find("interval-heading").textContent = `${Math.round(state.mass * 100)}% interval`;
    const notes = [], times = interval(columns.C, 0.9)[1] / given.largest;
    if (times > given.measured) notes.push(`This budget is ${quantity(times)} times the largest run: coverage can be measured up to about ${given.measured} times, and beyond that rests on the law being right.`);
    if (near !== null) notes.push(`Expected regret of ${quantity(state.size)}: ${mean(Array.from(columns.regret)).toPrecision(2)} ${given.unit}; with probability ${near.toFixed(2)} it is within ${(100 * NEAR).toFixed(1)} % of the best run.`);
    find("results-note").textContent = notes.join(" ");
  }

  function showCurve(state) {
    const key = JSON.stringify([state.tokens, state.served]);
    if (key !== curveKey) { curve = planner.curve(state); curveKey = key; }
    const ends = curve.map((each) => ({ C: each.C, N: interval(each.N, state.mass), outcome: interval(each.outcome, state.mass) }));
    tableRows("curve-rows", ends.map((each) => [quantity(each.C), withEnds(each.N, 3), withEnds(each.outcome, 4)]));
    const x = ends.map((each) => each.C), here = interval(solved.columns.C, state.mass), loss = interval(solved.columns.loss, state.mass);
    draw("figure-curve", {
      data: [
        ...band(x, ends.map((each) => each.outcome), "best run", "--c1", "--band", "%{x} FLOP: %{y:.4f}"),
        { type: "scatter", mode: "markers", x: given.runs.C, y: given.runs.y, name: "fitted runs", marker: { color: "var(--muted)", size: 4, opacity: 0.6 }, hovertemplate: "%{x} FLOP: %{y:.4f}<extra>fitted run</extra>" },
        { type: "scatter", mode: "markers", x: [here[1]], y: [loss[1]], name: "this budget", marker: { color: "var(--c2)", size: 11, line: { color: "var(--ink)", width: 1 } }, error_y: { array: [loss[2] - loss[1]], arrayminus: [loss[1] - loss[0]], color: "var(--c2)", thickness: 2 }, error_x: { array: [here[2] - here[1]], arrayminus: [here[1] - here[0]], color: "var(--c2)", thickness: 2 }, hovertemplate: "%{x} FLOP: %{y:.4f}<extra>this budget</extra>" },
      ],
      layout: { xaxis: { type: "log", title: { text: "training compute C (FLOP)" } }, yaxis: { title: { text: escaped(label) } } },
    });
  }

  function showProfile(state) {
    const logBudget = Math.log(interval(solved.columns.C, 0.9)[1]), sizes = planner.profile(state, logBudget);
    const middle = interval(solved.columns.N, state.mass);
    const near = sizes.filter((each) => each.N > middle[0] / 12 && each.N < middle[2] * 12);
    const ends = near.map((each) => interval(each.outcome, state.mass));
    tableRows("profile-rows", near.map((each, i) => [quantity(each.N), quantity(each.D), withEnds(ends[i], 4)]));
    const floor = Math.min(...ends.map((each) => each[0]));
    const data = [
      ...band(near.map((each) => each.N), ends, "expected", "--c1", "--band", "%{x} parameters: %{y:.4f}"),
      { type: "scatter", mode: "lines+markers", x: middle, y: [floor, floor, floor], name: "N*", line: { color: "var(--c2)", width: 4 }, marker: { color: "var(--c2)", size: [0, 11, 0] }, hovertemplate: "%{x} parameters<extra>N*</extra>" },
    ];
    if (state.size !== null) data.push({ type: "scatter", mode: "lines", x: [state.size, state.size], y: [floor, Math.max(...ends.map((each) => each[2]))], name: "your size", line: { color: "var(--c3)", dash: "dot", width: 2 }, hovertemplate: "%{x} parameters<extra>your size</extra>" });
    draw("figure-profile", { data, layout: { xaxis: { type: "log", title: { text: "parameters N" } }, yaxis: { title: { text: escaped(`expected ${label}`) } } } });
  }

  function update(remember = true) {
    const [state, wrong] = read();
    find("mass-shown").textContent = `${Math.round(state.mass * 100)}%`;
    if (state.budget > 0) slider.value = String(Math.round(stopOf(state.budget, state.currency)));
    slider.setAttribute("aria-valuetext", `${state.budgetText} ${state.currency === "flop" ? "FLOP" : "dollars"}`);
    const found = wrong ? { fault: wrong } : planner.solve(state);
    fault.textContent = found.fault || "";
    find("results").classList.toggle("stale", Boolean(found.fault));
    if (found.fault) { find("results-rows").replaceChildren(); find("results-note").textContent = ""; solved = null; return; }
    solved = found;
    if (remember) keep(state);
    showResults(state);
    showCurve(state);
    showProfile(state);
  }

  function download() {
    if (!solved) return;
    const { columns } = solved, names = ["C", "N", "D", "loss", "dollars"];
    const heads = ["draw", "compute_FLOP", "N_parameters", "D_tokens", `outcome_with_noise`, "cost_dollars"];
    const lines = Array.from(columns.N, (_, i) => [i, ...names.map((name) => columns[name][i])].join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([[heads.join(","), ...lines].join("\n") + "\n"], { type: "text/csv" }));
    link.download = "bayescale_draws.csv";
    link.click();
    URL.revokeObjectURL(link.href);
    find("done").textContent = `${lines.length} draws downloaded.`;
  }

  async function copy() {
    const [state, wrong] = read();
    if (!wrong) keep(state);
    try {
      await navigator.clipboard.writeText(location.href);
      find("done").textContent = "Copied.";
    } catch {
      find("done").textContent = "Copy the address of this page: it holds this state.";
    }
  }

  slider.addEventListener("input", () => { find("budget").value = quantityText(atStop(Number(slider.value), currencyOf())); update(); });
  for (const choice of form.elements.currency) choice.addEventListener("change", () => {
    const value = parseQuantity(find("budget").value), other = currencyOf() === "flop" ? "dollars" : "flop";
    if (value > 0) find("budget").value = quantityText((value / scaleOf(other)) * scaleOf(currencyOf()));
    update();
  });
  for (const name of ["budget", "tokens", "served", "size", "mass"]) find(name).addEventListener("input", () => update());
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => { event.preventDefault(); history.replaceState(null, "", location.pathname + location.search); put(kept()[0]); update(false); });
  find("download").addEventListener("click", download);
  find("copy").addEventListener("click", copy);
  addEventListener("hashchange", () => { const [state, here] = kept(); if (here) { put(state); update(false); } });

  const [state, here] = kept();
  put(state);
  update(false);
  if (here) find("planner").scrollIntoView();

  function band(x, ends, name, colour, fill, hover) {
    const edge = (i) => ends.map((each) => each[i]);
    return [
      { type: "scatter", mode: "lines", x, y: edge(0), line: { width: 0, shape: "spline" }, showlegend: false, hovertemplate: `${hover}<extra>lower end</extra>` },
      { type: "scatter", mode: "lines", x, y: edge(2), line: { width: 0, shape: "spline" }, fill: "tonexty", fillcolor: `var(${fill})`, showlegend: false, hovertemplate: `${hover}<extra>upper end</extra>` },
      { type: "scatter", mode: "lines", x, y: edge(1), name, line: { color: `var(${colour})`, width: 2.5, shape: "spline" }, hovertemplate: `${hover}<extra>median</extra>` },
    ];
  }
}

const withEnds = (ends, digits) => `${quantity(ends[1], digits)} [${quantity(ends[0], digits)}, ${quantity(ends[2], digits)}]`;

// Text that Plotly shows as it is, although it reads some markup in names.
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
