// Numbers and times as people read them. null stands for a value that there is not.
const NONE = "–";
const SI = ["", "k", "M", "G", "T", "P"];
const IEC = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];

const groups = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** Three digits, for example 0.35, 4.20, 12.0, 350. */
function digits(value) {
  const size = Math.abs(value);
  if (size >= 99.95) return groups.format(value);
  if (size >= 9.995) return value.toFixed(1);
  return value === 0 ? "0" : value.toFixed(2);
}

function scaled(value, base, prefixes) {
  let step = 0;
  let rest = Math.abs(value);
  while (rest >= base * 0.99995 && step < prefixes.length - 1) {
    rest /= base;
    step++;
  }
  const number = step === 0 ? groups.format(rest) : digits(rest);
  return [value < 0 ? `-${number}` : number, prefixes[step]];
}

const given = (format) => (value) => (value === null || value === undefined ? NONE : format(value));

/** Whole numbers in full up to a million. */
const count = given((value) => {
  if (Math.abs(value) < 1e6) return Number.isInteger(value) ? groups.format(value) : digits(value);
  const [number, prefix] = scaled(value, 1000, SI);
  return `${number} ${prefix}`;
});
const perSecond = given((value) => `${count(value)} /s`);
/** Rates and traffic: powers of 1000. */
const traffic = given((value) => {
  const [number, prefix] = scaled(value, 1000, SI);
  return `${number} ${prefix}B`;
});
const trafficRate = given((value) => `${traffic(value)}/s`);
/** Sizes of memory and disk, as options have them: powers of 1024. */
const size = given((value) => {
  const [number, prefix] = scaled(value, 1024, IEC);
  return `${number} ${prefix}B`;
});
const share = given((value) => {
  const percent = value * 100;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  if (percent < 100 && percent > 99.9) return "> 99.9 %";
  return `${percent < 9.95 && percent !== 0 ? percent.toFixed(1) : percent.toFixed(percent > 99.05 && percent < 100 ? 1 : 0)} %`;
});
/** A duration, from its microseconds. */
const duration = given((us) => {
  if (us < 99.5) return `${Math.round(us)} µs`;
  if (us < 999_500) return `${digits(us / 1e3)} ms`;
  return `${digits(us / 1e6)} s`;
});
const milliseconds = given((ms) => duration(ms * 1e3));

const two = (number) => String(number).padStart(2, "0");

/** 14:32:10, in the time zone of the browser. */
const clock = given((ms) => {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
});

/** With the day, if that is not the day of `now`. */
function moment(ms, now) {
  const at = new Date(ms);
  const day = at.toDateString() === new Date(now).toDateString() ? "" : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} `;
  return `${day}${clock(ms)}`;
}

/** 3 d 4 h; 5 min 10 s. */
function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const parts = [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = parts.findIndex(([unit]) => seconds >= unit);
  if (first < 0) return "0\u00a0s";
  const [unit, name] = parts[first];
  const rest = first + 1 < parts.length ? Math.floor((seconds % unit) / parts[first + 1][0]) : 0;
  return `${Math.floor(seconds / unit)}\u00a0${name}${rest > 0 ? `\u00a0${rest}\u00a0${parts[first + 1][1]}` : ""}`;
}
