// The planner's form, results and charts: input goes to the Planner, and is kept in the page's address.

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
  let solved = null, curveKey = "", curve = [], pending = 0;
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

  // A row of a table, each cell with the name of its column for narrow screens.
  function line(cells, labels) {
    const made = document.createElement("tr");
    made.setAttribute("role", "row");
    cells.forEach((text, i) => {
      const cell = document.createElement(i ? "td" : "th");
      cell.setAttribute("role", i ? "cell" : "rowheader");
      if (!i) cell.scope = "row";
      cell.dataset.label = labels[i];
      cell.append(typeset(text));
      made.append(cell);
    });
    return made;
  }

  const labelsOf = (id) => [...find(id).closest("table").querySelectorAll("thead th")].map((head) => head.textContent);
  const tableRows = (id, rows) => find(id).replaceChildren(...rows.map((cells) => line(cells, labelsOf(id))));

  function row(name, shown, ends, digits, unit) {
    const made = line([shown, quantity(ends[1], digits), `${quantity(ends[0], digits)} to ${quantity(ends[2], digits)}`, unit], labelsOf("results-rows"));
    made.id = `row-${name}`;
    Object.assign(made.dataset, { low: ends[0], median: ends[1], high: ends[2] });
    return made;
  }

  // What the results are for, in words.
  function asked(state) {
    const parts = [state.currency === "flop" ? `${quantity(state.budget, 4)} FLOP` : `${quantity(state.budget, 4)} dollars`];
    if (state.tokens !== null) parts.push(`at most ${quantity(state.tokens)} training tokens`);
    if (state.served !== null) parts.push(`${quantity(state.served)} tokens to serve`);
    return `Best run with ${parts.join(", ")}`;
  }

  function showResults(state) {
    const { columns, near, own } = solved, at = (name) => interval(columns[name], state.mass);
    const rows = [], size = quantity(state.size ?? 0);
    find("results-title").replaceChildren(typeset(asked(state)));
    find("interval-heading").textContent = `${Math.round(state.mass * 100)}% interval`;
    if (state.currency === "dollars") rows.push(row("C", state.served ? "compute paid" : "compute", at("C"), 3, "FLOP"));
    rows.push(row("N", "parameters N*", at("N"), 3, "parameters"), row("D", "training tokens D*", at("D"), 3, "tokens"));
    rows.push(row("ratio", "D*/N*", at("ratio"), 3, "tokens/parameter"), row("loss", `${given.outcome} of such a run`, at("loss"), 4, given.unit));
    if (state.currency === "flop") rows.push(row("dollars", `cost (${given.accelerator.toUpperCase()})`, at("dollars"), 3, "dollars"));
    if (state.served) rows.push(row("serving", "share that serving takes", at("serving"), 2, "of the FLOP"));
    if (near !== null) rows.push(row("regret", `excess ${given.outcome} with ${size} parameters`, at("regret"), 2, given.unit));
    find("results-rows").replaceChildren(...rows);
    find("own").textContent = own ? `${size} parameters cannot be trained with this budget${own.share < 1 ? ` at ${Math.round(100 * own.share)}% of the prices drawn` : ""}: ${own.reason}.` : "";
    const notes = [], times = interval(columns.C, 0.9)[1] / given.largest;
    if (times > given.measured) notes.push(`This budget is ${Math.round(times).toLocaleString("en")} times the largest run: coverage can be measured up to about ${given.measured} times, and beyond that rests on the law being right.`);
    if (near !== null) notes.push(`Expected regret of ${size}: ${mean(Array.from(columns.regret)).toPrecision(2)} ${given.unit}; with probability ${near.toFixed(2)} it is within ${(100 * NEAR).toFixed(1)} % of the best run.`);
    find("results-note").textContent = notes.join(" ");
  }

  function showCurve(state) {
    const key = JSON.stringify([state.tokens, state.served]);
    if (key !== curveKey) { curve = planner.curve(state); curveKey = key; }
    const ends = curve.map((each) => ({ C: each.C, N: interval(each.N, state.mass), outcome: interval(each.outcome, state.mass) }));
    const paid = state.served ? "compute paid for training and serving" : "training compute";
    for (const place of document.querySelectorAll(".paid")) place.textContent = paid;
    tableRows("curve-rows", ends.map((each) => [quantity(each.C), withEnds(each.N, 3), withEnds(each.outcome, 4)]));
    const x = ends.map((each) => each.C), here = interval(solved.columns.C, state.mass), loss = interval(solved.columns.loss, state.mass);
    draw("figure-curve", {
      data: [
        ...band(x, ends.map((each) => each.outcome), "best run", "--c1", "--band", "%{x} FLOP: %{y:.4f}"),
        { type: "scatter", mode: "markers", x: given.runs.C, y: given.runs.y, name: state.served ? "fitted runs, training only" : "fitted runs", marker: { color: "var(--muted)", size: 4, opacity: 0.6 }, hovertemplate: "%{x} FLOP: %{y:.4f}<extra>fitted run</extra>" },
        { type: "scatter", mode: "markers", x: [here[1]], y: [loss[1]], name: "this budget", marker: { color: "var(--c2)", size: 11, line: { color: "var(--ink)", width: 1 } }, error_y: { array: [loss[2] - loss[1]], arrayminus: [loss[1] - loss[0]], color: "var(--c2)", thickness: 2 }, error_x: { array: [here[2] - here[1]], arrayminus: [here[1] - here[0]], color: "var(--c2)", thickness: 2 }, hovertemplate: "%{x} FLOP: %{y:.4f}<extra>this budget</extra>" },
      ],
      layout: { xaxis: { type: "log", title: { text: `${paid}${state.served ? "" : " C"} (FLOP)` } }, yaxis: { title: { text: escaped(label) } } },
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
    cancelAnimationFrame(pending);
    const [state, wrong] = read();
    find("mass-shown").textContent = `${Math.round(state.mass * 100)}%`;
    if (state.budget > 0) slider.value = String(Math.round(stopOf(state.budget, state.currency)));
    slider.setAttribute("aria-valuetext", `${state.budgetText} ${state.currency === "flop" ? "FLOP" : "dollars"}`);
    const found = wrong ? { fault: wrong } : planner.solve(state);
    fault.textContent = found.fault || "";
    find("results").classList.toggle("stale", Boolean(found.fault));
    if (found.fault) { find("results-rows").replaceChildren(); for (const id of ["results-title", "own", "results-note"]) find(id).textContent = ""; solved = null; return; }
    solved = found;
    if (remember) keep(state);
    showResults(state);
    // Charts follow in the next frame, so that dragging a slider stays smooth.
    pending = requestAnimationFrame(() => {
      showCurve(state);
      showProfile(state);
    });
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
      find("done").textContent = "Copy the address of this page: it contains this state.";
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

// Text with raised powers of ten: 1e+24 as 1×10 to the 24, whose caret is read and copied, but not seen.
function typeset(text) {
  const made = document.createDocumentFragment();
  let end = 0;
  for (const found of text.matchAll(/(\d(?:\.\d+)?)e\+(\d+)/g)) {
    const caret = document.createElement("span"), power = document.createElement("sup");
    caret.className = "unseen";
    caret.textContent = "^";
    power.textContent = found[2];
    made.append(text.slice(end, found.index), `${found[1]}×10`, caret, power);
    end = found.index + found[0].length;
  }
  made.append(text.slice(end));
  return made;
}

const withEnds = (ends, digits) => `${quantity(ends[1], digits)} [${quantity(ends[0], digits)}, ${quantity(ends[2], digits)}]`;

// Escaped text, because Plotly reads some markup in names.
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
