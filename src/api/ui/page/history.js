// The last ten minutes, a row a second, as columns. What the server says is only ever added at the end.
const ROWS_MAX = 600;
const GAP_SECONDS = 3;

const history = {
  boot: null,
  since: null, // the number of the newest row; null: none yet
  times: [], // seconds
  columns: new Map(),

  clear(boot) {
    this.boot = boot;
    this.since = null;
    this.times = [];
    this.columns = new Map();
  },

  /** The values of a column, one a row; null for a column that the server does not know. */
  column(name) {
    if (!this.columns.has(name)) this.columns.set(name, new Array(this.times.length).fill(null));
    return this.columns.get(name);
  },

  add(answer) {
    const names = answer.columns;
    const time = names.indexOf("t_ms");
    for (const name of names) this.column(name);
    for (const row of answer.rows) {
      const seconds = row[time] / 1000;
      this.forgetFrom(seconds);
      const last = this.times.at(-1);
      // A row of nothing, so that no line bridges the time in between.
      if (last !== undefined && seconds - last > GAP_SECONDS) this.push(last + 1, () => null);
      this.push(seconds, (name) => row[names.indexOf(name)] ?? null);
    }
    if (answer.rows.length > 0) this.since = answer.first + answer.rows.length - 1;
    const old = this.times.length - ROWS_MAX;
    if (old <= 0) return;
    this.times.splice(0, old);
    for (const values of this.columns.values()) values.splice(0, old);
  },

  push(seconds, valueOf) {
    this.times.push(seconds);
    for (const [name, values] of this.columns) values.push(valueOf(name));
  },

  /** The server's clock was set back: the plots need times that ascend, and the newest rows count. */
  forgetFrom(seconds) {
    let rows = this.times.length;
    while (rows > 0 && this.times[rows - 1] >= seconds) rows--;
    if (rows === this.times.length) return;
    this.times.splice(rows);
    for (const values of this.columns.values()) values.splice(rows);
  },

  /** The sum of a column over the rows (first, last]; null if there is no value. */
  sum(name, last = this.times.length - 1, rows = ROWS_MAX) {
    const values = this.column(name);
    let sum = null;
    for (let row = Math.max(0, last - rows + 1); row <= last; row++) {
      if (values[row] !== null) sum = (sum ?? 0) + values[row];
    }
    return sum;
  },

  max(name) {
    let max = null;
    for (const value of this.column(name)) if (value !== null && (max === null || value > max)) max = value;
    return max;
  },

  newest(name) {
    return this.column(name).at(-1) ?? null;
  },
};
