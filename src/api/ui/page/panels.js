// The panels: a plot, and below a table of the values at the moment that is looked at and of the ten minutes.

/** An element with attributes, properties of `style` left out, and children: elements or texts. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// Characters that turn the text around them: names from clients may have them.
const DIRECTIONS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Changes the text only if it differs: a screen reader then reads nothing twice. */
function say(element, text) {
  const plain = text.replace(DIRECTIONS, "\ufffd");
  if (element.textContent !== plain) element.textContent = plain;
}

const byId = (id) => document.getElementById(id);

class Panel {
  constructor(spec) {
    this.spec = spec;
    this.plotBox = make("div", { class: "plot", role: "img" });
    this.now = make("th", { scope: "col" }, "now");
    this.rows = spec.series.map((series) => this.makeRow(series));
    if (spec.limit) this.rows.push(this.makeRow({ label: spec.limitLabel, colour: "limit", limit: true }));
    this.absent = make("p", { class: "absent", hidden: true });
    this.table = make("table", { class: "legend" },
      make("caption", { class: "unseen" }, `${spec.title}: values`),
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, make("span", { class: "unseen" }, "series")), this.now,
        make("th", { scope: "col" }, spec.allTitle ?? "most, 10 min"))),
      make("tbody", {}, ...this.rows.map((row) => row.element)));
    this.element = make("section", { class: "panel", id: spec.id, "aria-labelledby": `${spec.id}-title` },
      make("h2", { id: `${spec.id}-title` }, `${spec.title} `, make("small", {}, spec.note)),
      this.absent, this.plotBox, this.table);
  }

  makeRow(series) {
    const now = make("td");
    const all = make("td");
    const key = make("span", { class: `key ${series.hidden ? "no-line" : ""}`, "data-colour": series.colour, "aria-hidden": "true" });
    return { series, now, all, element: make("tr", {}, make("th", { scope: "row" }, key, series.label), now, all) };
  }

  value(series, row) {
    if (series.limit) return this.spec.limit();
    return (series.column ? history.column(series.column)[row] : series.value(row)) ?? null;
  }

  total(series) {
    if (series.limit) return null;
    if (series.all === "sum") return history.sum(series.allOf ?? series.column);
    if (series.column) return history.max(series.column);
    const values = history.times.map((_, row) => series.value(row)).filter((value) => value !== null);
    return values.length > 0 ? Math.max(...values) : null;
  }

  /** row: the one that is looked at. */
  write(row, isNewest) {
    const absent = this.spec.absent?.() || "";
    this.absent.hidden = absent === "";
    this.plotBox.hidden = this.table.hidden = absent !== "";
    say(this.absent, absent);
    say(this.now, isNewest ? "now" : clock(history.times[row] * 1000));
    const texts = [];
    for (const { series, now, all } of this.rows) {
      const text = (series.format ?? this.spec.format)(this.value(series, row));
      say(now, text);
      say(all, series.limit ? "" : (series.allFormat ?? series.format ?? this.spec.allFormat ?? this.spec.format)(this.total(series)));
      texts.push(`${series.label} ${text}`);
    }
    const when = isNewest ? "now" : `at ${clock(history.times[row] * 1000)}`;
    this.plotBox.setAttribute("aria-label", `${this.spec.title}, a plot of the last ten minutes; ${when}: ${texts.join(", ")}`);
  }
}
