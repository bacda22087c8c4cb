// The plots of the panels, by uPlot, and the moment that all panels show: the newest row, the one of the slider, or the
// one under the pointer.
const WINDOW_SECONDS = 600;
const WINDOW_SECONDS_MIN = 60;
const PLOT_HEIGHT = 150;
const LATENCY_COLUMNS = ["memory", "disk", "miss"].flatMap((tier) => [50, 99, 999].map((part) => `${tier}_p${part}_us`));

const palette = {
  cached: new Map(),
  colour(name) {
    if (!this.cached.has(name)) {
      this.cached.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
    }
    return this.cached.get(name);
  },
};

const cursor = { time: null, hovered: null }; // the slider's moment in seconds, null: the newest; the pointer's row

function rowOfSlider() {
  const newest = history.times.length - 1;
  if (cursor.time === null) return newest;
  return Math.max(0, history.times.findLastIndex((seconds) => seconds <= cursor.time));
}

function shownRow() {
  return cursor.hovered !== null && cursor.hovered < history.times.length ? cursor.hovered : rowOfSlider();
}

/** The values of a panel's series as uPlot takes them. Stacks: the whole first, each on top of the next. */
function plotted(panel) {
  const { spec } = panel;
  const shown = spec.series.filter((series) => !series.hidden);
  const rows = history.times.map((_, row) => row);
  const columns = shown.map((series) => (series.column ? history.column(series.column) : rows.map((row) => series.value(row))));
  if (spec.kind === "shares" || spec.kind === "stack") {
    const sums = [];
    let below = null;
    for (const column of columns) {
      below = column.map((value, row) => (value === null ? below?.[row] ?? null : value + (below?.[row] ?? 0)));
      sums.unshift(below);
    }
    return [history.times, ...sums];
  }
  const data = [history.times, ...columns];
  if (spec.limit) data.push(history.times.map(() => spec.limit() || null));
  return data;
}

function seriesOptions(panel) {
  const { spec } = panel;
  const stacked = spec.kind === "shares" || spec.kind === "stack";
  const shown = spec.series.filter((series) => !series.hidden);
  const options = (stacked ? shown.toReversed() : shown).map((series) => ({
    label: series.label,
    stroke: () => palette.colour(series.colour),
    fill: stacked ? () => palette.colour(series.colour) : series.fill ? () => `${palette.colour(series.colour)}38` : undefined,
    width: stacked ? 0 : 1.5,
    points: { show: false },
  }));
  if (spec.limit) options.push({ label: spec.limitLabel, stroke: () => palette.colour("limit"), width: 1, dash: [6, 4], points: { show: false } });
  return [{}, ...options];
}

/** Ten minutes; less of a server that has not run for so long. */
function timeRange() {
  const newest = history.times.at(-1) ?? Math.floor(Date.now() / 1000);
  const known = newest - (history.times[0] ?? newest);
  return [newest - Math.min(WINDOW_SECONDS, Math.max(WINDOW_SECONDS_MIN, known)), newest];
}

function timeTexts(_, splits) {
  const [first, last] = timeRange();
  const length = last - first < 300 ? 8 : 5; // with seconds, if the window is short
  return splits.map((at) => (at - first < (last - first) * 0.05 ? "" : clock(at * 1000).slice(0, length)));
}

function latencyRange() {
  let least = Infinity;
  let most = 0;
  for (const name of LATENCY_COLUMNS) {
    for (const value of history.column(name)) {
      if (value > 0 && value < least) least = value;
      if (value > most) most = value;
    }
  }
  if (most === 0) return [100, 1e6];
  const from = 10 ** Math.floor(Math.log10(least));
  return [from, Math.max(10 ** Math.ceil(Math.log10(most)), from * 100)];
}

function valueRange(panel) {
  if (panel.spec.kind === "latency") return latencyRange;
  if (panel.spec.kind === "shares") return () => [0, 1];
  const least = new Map([[trafficRate, 1000], [duration, 1000]]).get(panel.spec.format) ?? 1;
  return (plot, _, most) => {
    const limit = panel.spec.limit?.() || 0;
    return [0, Math.max(most ?? 0, limit, least) * 1.05];
  };
}

/** Places of lines and numbers: decades of a log scale, powers of two for sizes. */
function valueTicks(panel) {
  const { kind, format } = panel.spec;
  if (kind === "latency") {
    const decades = (_, splits) => splits.map((at) => (at > 0 && Number.isInteger(Math.round(Math.log10(at) * 1e6) / 1e6) ? at : null));
    return { filter: decades, grid: { stroke: () => palette.colour("grid"), width: 1, filter: decades } };
  }
  return format === size ? { incrs: Array.from({ length: 55 }, (_, power) => 2 ** power) } : {};
}

/** 1.50 GB/s becomes 1.5 GB/s, and 2.00 s becomes 2 s. */
const withoutZeros = (text) => text.replace(/(\.\d*?)0+(?!\d)/, "$1").replace(/\.(?!\d)/, "");

function axes(panel) {
  const shared = {
    stroke: () => palette.colour("quiet"), font: "11px system-ui, sans-serif", ticks: { show: false },
    grid: { stroke: () => palette.colour("grid"), width: 1 },
  };
  const { format } = panel.spec;
  return [
    { ...shared, size: 24, gap: 4, incrs: [15, 30, 60, 120, 300], space: 70, values: timeTexts },
    { ...shared, ...valueTicks(panel), size: 64, gap: 6, space: 32,
      values: (_, splits) => splits.map((at) => (at === null ? "" : withoutZeros(format(at)))) },
  ];
}

class Plot {
  constructor(panel) {
    this.panel = panel;
    const log = panel.spec.kind === "latency" ? { distr: 3, log: 10 } : {};
    this.plot = new uPlot({
      width: this.width(), height: PLOT_HEIGHT, padding: [8, 8, 0, 0], legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { show: false }, sync: { key: "time" } },
      scales: { x: { time: true, range: timeRange },
        y: { ...log, range: valueRange(panel) } },
      axes: axes(panel), series: seriesOptions(panel),
      hooks: { setCursor: [(plot) => this.pointed(plot)] },
    }, plotted(panel), panel.plotBox);
    new ResizeObserver(() => this.plot.setSize({ width: this.width(), height: PLOT_HEIGHT })).observe(panel.plotBox);
  }

  width() {
    return Math.max(200, this.panel.plotBox.clientWidth);
  }

  pointed(plot) {
    if (!plot.over.matches(":hover")) return;
    cursor.hovered = plot.cursor.left >= 0 ? plot.cursor.idx : null;
    plots.writeSoon();
  }

  draw() {
    if (this.panel.plotBox.hidden) return;
    this.plot.setData(plotted(this.panel));
  }

  /** The line at the moment of the slider; none at the newest row. */
  mark(row) {
    if (cursor.hovered !== null || this.panel.plotBox.hidden) return;
    const left = cursor.time === null ? -10 : this.plot.valToPos(history.times[row], "x");
    this.plot.setCursor({ left, top: 0 }, false);
  }
}

const plots = {
  panels: [],
  all: [],
  waiting: false,

  begin() {
    this.panels = PANELS.map((spec) => new Panel(spec));
    byId("panels").append(...this.panels.map((panel) => panel.element));
    this.all = this.panels.map((panel) => new Plot(panel));
    byId("panels").addEventListener("pointerleave", () => this.leave());
    byId("moment").addEventListener("input", (event) => this.look(-Number(event.target.value)));
    byId("newest").addEventListener("click", () => this.look(0));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      palette.cached.clear();
      this.draw();
    });
  },

  /** back: rows before the newest one. The moment then stays, while newer rows come. */
  look(back) {
    const newest = history.times.length - 1;
    cursor.time = back === 0 || newest < 0 ? null : history.times[Math.max(0, newest - back)];
    cursor.hovered = null;
    this.write();
  },

  leave() {
    cursor.hovered = null;
    this.writeSoon();
  },

  draw() {
    for (const plot of this.all) plot.draw();
    this.write();
  },

  writeSoon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.write();
    });
  },

  write() {
    if (history.times.length === 0) return;
    const row = shownRow();
    const isNewest = row === history.times.length - 1;
    for (const panel of this.panels) panel.write(row, isNewest);
    for (const plot of this.all) plot.mark(row);
    const ms = history.times[row] * 1000;
    const text = isNewest ? `${clock(ms)}, the newest` : `${clock(ms)}, ${span(history.times.at(-1) * 1000 - ms)} before the newest`;
    say(byId("moment-text"), text);
    byId("moment").setAttribute("aria-valuetext", text);
    byId("moment").value = rowOfSlider() - history.times.length + 1;
    byId("newest").disabled = cursor.time === null;
  },
};
