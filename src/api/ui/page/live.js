// Asks the server once a second, while somebody can see the page.
const ANSWER_MS = 5000;
const TOKEN_KEY = "cachey-token";

const live = {
  token: sessionStorage.getItem(TOKEN_KEY),
  timer: null,
  asking: false,
  goneSince: null,
  refused: false,
  interval: 1000,

  begin() {
    document.addEventListener("visibilitychange", () => this.changeVisibility());
    byId("token").addEventListener("submit", (event) => this.takeToken(event));
    this.poll();
  },

  changeVisibility() {
    clearTimeout(this.timer);
    if (document.hidden) this.say("paused", "paused: hidden");
    else this.poll();
  },

  takeToken(event) {
    event.preventDefault();
    this.token = byId("token-value").value.trim();
    this.refused = false;
    this.poll();
  },

  say(state, text) {
    byId("link").dataset.state = state;
    document.body.dataset.link = state;
    say(byId("link-text"), text);
  },

  async poll() {
    clearTimeout(this.timer);
    if (this.asking || this.refused || document.hidden) return;
    this.asking = true;
    try {
      await this.ask();
    } catch (error) {
      this.gone(error);
    } finally {
      this.asking = false;
    }
    if (!this.refused && !document.hidden) this.timer = setTimeout(() => this.poll(), this.interval);
  },

  async ask() {
    const since = history.since === null ? "" : `?since=${history.since}`;
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    const response = await fetch(`ui/data${since}`, { headers, cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
    if (response.status === 401) return this.askForToken();
    if (!response.ok) throw new Error(`The server answers with status ${response.status}`);
    const answer = await response.json();
    if (history.boot !== null && answer.boot !== history.boot) {
      findings.restarted = answer.started_ms;
      history.clear(null);
      if (since !== "") return this.ask(); // the rows of the new process have numbers of their own
    }
    history.boot = answer.boot;
    this.take(answer);
  },

  take(answer) {
    byId("token").hidden = true;
    document.body.dataset.token = "";
    if (this.token) sessionStorage.setItem(TOKEN_KEY, this.token);
    this.goneSince = null;
    this.interval = answer.interval_ms ?? 1000;
    limits = answer.limits;
    threads = answer.threads;
    history.add(answer);
    this.say("live", "live");
    writeFindings(answer);
    figures.write(answer);
    writeTables(answer);
    plots.draw();
  },

  gone(error) {
    this.goneSince ??= Date.now();
    const why = error.message.startsWith("The server") ? error.message : "The server does not answer";
    this.say("gone", `gone since ${clock(this.goneSince)}`);
    writeGone(this.goneSince, why);
  },

  askForToken() {
    this.refused = true;
    sessionStorage.removeItem(TOKEN_KEY);
    const wasHidden = byId("token").hidden;
    byId("token").hidden = false;
    document.body.dataset.token = "asked";
    say(byId("token-fault"), this.token ? "The server does not know this token." : "");
    this.token = null;
    this.say("refused", "a token is needed");
    setLevel("none", "The server tells its status only with a token.");
    if (wasHidden) byId("token-value").focus();
  },
};

function zoneText() {
  const minutes = -new Date().getTimezoneOffset();
  const hours = `${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
  return minutes === 0 ? "Times are UTC, as in the logs." : `Times are UTC${minutes > 0 ? "+" : "-"}${hours}; the logs are in UTC.`;
}

say(byId("host"), location.host);
say(byId("zone"), zoneText());
figures.begin();
plots.begin();
live.begin();
