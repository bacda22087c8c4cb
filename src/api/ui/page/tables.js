// The tables of buckets, clients and warnings. Names come from clients and stores: they become text nodes only.
const STATES = { ok: "in use", deprioritized: "deprioritized", open: "down" };

const NAME_MAX = 90;
const TEXT_MAX = 400;

/** Without the middle, if the text is long. The whole of it is the cell's title. */
function shortened(text, most) {
  if (text.length <= most) return text;
  return `${text.slice(0, most * 0.6)}…${text.slice(-most * 0.3)}`;
}

const name = (of) => [of, "name"];
const number = (of) => [of, "number"];

const BUCKET_COLUMNS = {
  Bucket: (one) => name(one.name),
  State: (one) => [STATES[one.state] ?? one.state, one.state === "ok" ? "state" : "state bad"],
  "Let through": (one) => number(share(one.share)),
  Errors: (one) => number(share(one.error_ratio)),
  p50: (one) => number(milliseconds(one.p50_ms)),
  p99: (one) => number(milliseconds(one.p99_ms)),
  "Hedge after": (one) => number(milliseconds(one.hedge_ms)),
  Attempts: (one) => number(count(one.attempts)),
  Failures: (one) => number(count(one.failures)),
  Throttled: (one) => number(count(one.throttled)),
  Waiting: (one) => number(count(one.waiting)),
};

const CLIENT_COLUMNS = {
  Client: (one) => name(one.name),
  Requests: (one) => number(count(one.requests)),
  Misses: (one) => number(count(one.misses)),
  Bytes: (one) => number(traffic(one.bytes)),
  Limited: (one) => number(count(Number(one.limited))),
};

const WARNING_COLUMNS = (now) => ({
  Time: (one) => [moment(one.t_ms, now), "when"],
  Level: (one) => [one.level, `state ${one.level === "error" ? "bad" : "warn"}`],
  Event: (one) => [one.event ?? "", "name"],
  Text: (one) => [one.text, "text"],
  Count: (one) => number(count(one.count ?? 1)),
});

/** Writes a table into the same cells again: the place of the reader and a selection stay. */
function writeTable(table, columns, values) {
  const titles = Object.keys(columns);
  if (!table.tHead) {
    table.append(make("thead", {}, make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)))), make("tbody"));
  }
  const body = table.tBodies[0];
  while (body.rows.length > values.length) body.deleteRow(-1);
  while (body.rows.length < values.length) {
    body.append(make("tr", {}, make("th", { scope: "row" }), ...titles.slice(1).map(() => make("td"))));
  }
  values.forEach((value, row) => {
    titles.forEach((title, at) => {
      const [whole, kind] = columns[title](value);
      const cell = body.rows[row].cells[at];
      const text = shortened(whole, kind === "text" ? TEXT_MAX : NAME_MAX);
      say(cell, text);
      cell.title = text === whole ? "" : whole;
      if (cell.className !== kind) cell.className = kind;
    });
  });
  table.hidden = values.length === 0;
}

function writeTables(answer) {
  const { buckets = [], clients = [], warnings = [] } = answer;
  writeTable(byId("buckets"), BUCKET_COLUMNS, buckets);
  writeTable(byId("clients"), CLIENT_COLUMNS, clients);
  writeTable(byId("warnings"), WARNING_COLUMNS(answer.now_ms), warnings);
  const more = answer.buckets_more ?? 0;
  say(byId("buckets-note"), buckets.length === 0 ? "No bucket was asked in the last minute." : more > 0 ? `${count(more)} more, which are better.` : "");
  say(byId("clients-note"), clients.length === 0 ? "No request in the last minute." : "");
  say(byId("warnings-note"), warnings.length === 0 ? "No warning since the start." : "");
}
