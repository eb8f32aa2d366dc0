// Draws the report's figures with the Plotly in the page, in the reader's colour scheme.
// The buttons are listed explicitly, because Plotly's default includes one that sends a figure to a server.
const GRAPHICS = { displaylogo: false, responsive: true, modeBarButtons: [["toImage", "resetScale2d"]] };
const NARROW = 520; // pixels
const PRINTED = 640; // pixels, which fit a printed page
const SHORTER = 0.85; // of its height on a screen, so that two figures fit a page

const readJson = (id) => JSON.parse(document.getElementById(id).textContent);

async function loadPlotly() {
  const bytes = Uint8Array.from(atob(document.getElementById("plotly").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  if (!window.Plotly) throw new Error("Plotly did not load");
}

// Replaces every name such as var(--c1) in a figure by the style sheet's colour.
function coloured(value) {
  if (typeof value === "string") {
    const name = /^var\((--[\w-]+)\)$/.exec(value);
    return name ? getComputedStyle(document.documentElement).getPropertyValue(name[1]).trim() || value : value;
  }
  if (Array.isArray(value)) return value.map(coloured);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v)]));
  return value;
}

// Ticks of a logarithmic axis: at 1, 2 and 5 if it spans few decades, otherwise at powers of ten.
function ticks(own, values, narrow) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (own.type !== "log" || own.tickvals || !(low > 0) || !(high > low)) return {};
  const marks = [];
  const steps = Math.log10(high / low) < (narrow ? 1.5 : 2.5) ? [1, 2, 5] : [1];
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.log10(high) + 1; power++) for (const step of steps) marks.push(step * 10 ** power);
  return { tickvals: marks, ticktext: marks.map((mark) => (mark >= 1e15 ? `${steps.length > 1 ? Math.round(mark / 10 ** Math.floor(Math.log10(mark) + 1e-9)) + "·" : ""}10<sup>${Math.floor(Math.log10(mark) + 1e-9)}</sup>` : quantity(mark))) };
}

function axis(own, values, narrow) {
  const base = { gridcolor: "var(--grid)", linecolor: "var(--rule)", zerolinecolor: "var(--rule)", automargin: true };
  return { ...base, ...ticks(own, values, narrow), ...own, title: { standoff: 10, ...(own.title || {}) } };
}

const lastDrawn = new Map();

function drawPlot(id, plot) {
  lastDrawn.set(id, plot);
  if (!window.Plotly) return;
  const place = document.getElementById(id);
  const layout = { ...plot.layout }, print = Boolean(document.documentElement.dataset.print), narrow = !print && place.clientWidth < NARROW;
  if (narrow && layout.grid && layout.grid.columns > 2) {
    layout.grid = { ...layout.grid, rows: Math.ceil(layout.grid.columns / 2), columns: 2, ygap: 0.35 };
    layout.height = 250 * layout.grid.rows;
  }
  for (const key of Object.keys(layout)) if (/^[xy]axis\d*$/.test(key)) layout[key] = axis(layout[key], plot.data.flatMap((trace) => trace[key[0]] || []).filter(Number.isFinite), narrow);
  const base = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", height: 380, hovermode: "closest",
    font: { family: "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif", size: narrow ? 11 : 13, color: "var(--ink)" },
    margin: { l: 10, r: 10, t: 36, b: 10 },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    hoverlabel: { bgcolor: "var(--raised)", bordercolor: "var(--rule)", font: { color: "var(--ink)" } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: "var(--muted)", activecolor: "var(--ink)" },
  };
  if (print) Object.assign(layout, { width: PRINTED, height: Math.min((layout.height || base.height) * SHORTER, 480) });
  place.style.height = `${layout.height || base.height}px`; // or else a resize fits the figure to what is there
  window.Plotly.react(place, coloured(plot.data), coloured({ ...base, ...layout }), { ...GRAPHICS, displayModeBar: narrow ? false : "hover" });
}

const redrawAll = () => lastDrawn.forEach((plot, id) => drawPlot(id, plot));

async function startPage() {
  const figures = readJson("figures");
  const draws = document.getElementById("planner-draws");
  if (draws) startPlanner(JSON.parse(draws.textContent), drawPlot);
  for (const [name, plot] of Object.entries(figures)) lastDrawn.set(`figure-${name}`, plot);
  try {
    await loadPlotly();
    redrawAll();
  } catch (error) {
    for (const place of document.querySelectorAll(".plot")) {
      place.textContent = `This figure needs a newer browser (${error.message}); the table below shows the same numbers.`;
      place.classList.add("failed");
    }
  }
  document.documentElement.dataset.ready = "yes";
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
addEventListener("beforeprint", () => { document.documentElement.dataset.print = "yes"; redrawAll(); });
addEventListener("afterprint", () => { delete document.documentElement.dataset.print; redrawAll(); });
startPage();
