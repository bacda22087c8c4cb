// The line on top: the worst that is wrong, in words; the title and the icon of the tab say so, too.
const LEVELS = { none: "", ok: "", warn: "Warning", bad: "Bad", gone: "Gone" };
const SIGNS = { none: "○", ok: "●", warn: "▲", bad: "■", gone: "◌" };
const RESTART_SHOWN_MS = 600_000;

const findings = { level: "none", told: null, restarted: null };

/** `codes`: of the findings. A screen reader hears the text if they change, not each time that a number in it does. */
function setLevel(level, text, codes = "") {
  const section = byId("findings");
  if (findings.told !== `${level} ${codes}`) {
    findings.told = `${level} ${codes}`;
    say(byId("told"), text);
  }
  if (section.dataset.level !== level) section.dataset.level = level;
  say(byId("worst"), text);
  document.title = `${level === "ok" || level === "none" ? "" : `${SIGNS[level]} ${text} – `}Cachey ${location.host}`;
  if (findings.level === level) return;
  findings.level = level;
  const colour = palette.colour({ none: "quiet", ok: "good", gone: "bad" }[level] ?? level);
  const shape = level === "warn" ? "<path d='M8 1 15 15H1z'/>" : level === "bad" ? "<path d='M1 1h14v14H1z'/>" : "<circle cx='8' cy='8' r='7'/>";
  const icon = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='${colour}'>${shape}</svg>`;
  byId("icon").href = `data:image/svg+xml,${encodeURIComponent(icon)}`;
}

const sinceText = (finding, now) => `since ${moment(finding.since_ms, now)}, for ${span(now - finding.since_ms)}`;

function writeFindings(answer) {
  const [worst, ...others] = answer.findings;
  setLevel(worst?.level ?? "ok", worst ? `${LEVELS[worst.level] ?? worst.level}: ${worst.text}` : "All is well",
    answer.findings.map((one) => one.code).join(" "));
  const list = byId("others");
  const lines = worst ? [[`${worst.code}, ${sinceText(worst, answer.now_ms)}`, ""], ...others.map((one) => [
    `${LEVELS[one.level] ?? one.level}: ${one.text} (${one.code}, ${sinceText(one, answer.now_ms)})`, one.level])] : [];
  while (list.children.length > lines.length) list.lastElementChild.remove();
  while (list.children.length < lines.length) list.append(make("li"));
  lines.forEach(([text, level], at) => {
    list.children[at].dataset.level = level;
    say(list.children[at], text);
  });
  const restart = byId("restart");
  restart.hidden = findings.restarted === null || answer.now_ms - findings.restarted > RESTART_SHOWN_MS;
  if (!restart.hidden) say(restart, `The server was restarted at ${moment(findings.restarted, answer.now_ms)}. The plots begin there.`);
}

function writeGone(since, why) {
  setLevel("gone", `Gone: no answer since ${clock(since)}`);
  const list = byId("others");
  while (list.children.length > 1) list.lastElementChild.remove();
  if (list.children.length === 0) list.append(make("li"));
  list.children[0].dataset.level = "";
  say(list.children[0], `${why}. The page tries again every second. What follows is old.`);
}
