// The row of figures: the last minute at a glance.
const MINUTE = 60;

function minuteRate(column) {
  const rows = Math.min(MINUTE, history.times.length);
  const sum = history.sum(column, undefined, rows);
  return sum === null ? null : sum / rows;
}

function minuteMax(column) {
  const values = history.column(column).slice(-MINUTE).filter((value) => value !== null);
  return values.length > 0 ? Math.max(...values) : null;
}

function hitShare() {
  const pages = (tier) => history.sum(`pages_${tier}`, undefined, MINUTE) ?? 0;
  const all = TIERS.reduce((sum, [tier]) => sum + pages(tier), 0);
  return all > 0 ? (pages("memory") + pages("disk")) / all : null;
}

function answersRate() {
  const rates = [2, 3, 4, 5].map((hundred) => minuteRate(`status_${hundred}xx`)).filter((rate) => rate !== null);
  return rates.length > 0 ? rates.reduce((sum, rate) => sum + rate, 0) : null;
}

const ofLimit = (value, limit, format) => (value !== null && limit ? `of ${format(limit)}` : "");

const FIGURES = [
  ["Hits", () => share(hitShare()), () => "memory and disk"],
  ["Answers", () => perSecond(answersRate()), () => `${count(history.newest("connections"))} connections`],
  ["To clients", () => trafficRate(minuteRate("egress_bytes")), () => `${trafficRate(minuteRate("ingress_bytes"))} fetched`],
  ["First byte, memory", () => duration(minuteMax("memory_p99_us")), () => "p99, the worst second"],
  ["First byte, misses", () => duration(minuteMax("miss_p99_us")), () => "p99, the worst second"],
  ["Memory", () => size(history.newest("memory_used")), () => ofLimit(history.newest("memory_used"), limits.memory_bytes, size)],
  ["Disk", () => (limits.disk_bytes === 0 ? "none" : size(history.newest("disk_used"))), () => ofLimit(history.newest("disk_used"), limits.disk_bytes, size)],
  ["CPU", () => cores(scaledBy(minuteRate("cpu_ms"), 1e-3)), () => `cores, of ${count(threads)} thread${threads === 1 ? "" : "s"}`],
];

const figures = {
  cells: [],

  begin() {
    this.cells = FIGURES.map(([title]) => {
      const value = make("dd", { class: "value" });
      const beside = make("dd", { class: "beside" });
      byId("figures").append(make("div", {}, make("dt", {}, title), value, beside));
      return [value, beside];
    });
  },

  write(answer) {
    this.cells.forEach(([value, beside], at) => {
      say(value, FIGURES[at][1]());
      say(beside, FIGURES[at][2]());
    });
    const facts = [`version ${answer.version}`, `up ${span(answer.now_ms - answer.started_ms)}`];
    const list = byId("facts");
    while (list.children.length < facts.length) list.append(make("li"));
    facts.forEach((text, at) => say(list.children[at], text));
    list.title = answer.revision ?? "";
  },
};
