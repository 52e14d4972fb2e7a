// Figures: rates, latency and losses, from the counters of successive previews.
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const OVER_MS = 1000;

export class Figures {
  constructor(list) {
    this.list = list;
    this.cells = new Map();
    this.past = [];
    this.status = {};
  }

  // What comes next is of something else.
  forget() {
    this.past = [];
  }

  tell(status) {
    this.status = status;
  }

  // News is thrown away where a browser is slower than it comes; the newest is always kept.
  tellOfBrowsers({ browsers, replaced }) {
    this.set("browsers", number.format(browsers));
    this.set("news too old for them", short(replaced));
  }

  show(head) {
    const figures = { ...head.figures, t_us: head.t_us, at_ms: performance.now(), latency_ms: head.latency_ms };
    if (this.past.length && figures.t_us < this.past.at(-1).t_us) this.past = [];
    this.past.push(figures);
    while (this.past.length > 2 && figures.at_ms - this.past[0].at_ms > OVER_MS) this.past.shift();
    const first = this.past[0];
    const seconds = (figures.at_ms - first.at_ms) / 1000 || 1;
    const rate = (name) => (figures[name] - first[name]) / seconds;
    const latency_ms = Math.max(...this.past.map((past) => past.latency_ms));
    const lost = figures.events_lost + figures.events_late;
    const skipped = figures.frames_skipped + figures.learning_skipped;
    this.set("events", `${short(rate("events_in"))}/s`);
    this.set("latency, worst of 1 s", `${number.format(latency_ms)} ms`);
    this.set("latency p99, whole run", this.status.latency_p99_ms == null ? "–" : `${number.format(this.status.latency_p99_ms)} ms`);
    this.set("learning", `${number.format(rate("updates"))} updates/s`);
    this.set("weight updates", short(figures.updates));
    this.set("events lost or late", short(lost), lost > 0);
    this.set("frames, learning skipped", short(skipped), skipped > 0);
    this.set("steps", `${short(rate("frames"))}/s`);
    this.set("behind", `${number.format(figures.behind_ms)} ms`, figures.behind_ms > 100);
    this.set("stream time", `${(head.t_us / 1e6).toFixed(1)} s`);
  }

  set(name, value, bad = false) {
    let cell = this.cells.get(name);
    if (!cell) {
      const box = document.createElement("div");
      const title = document.createElement("dt");
      title.textContent = name;
      cell = document.createElement("dd");
      box.append(title, cell);
      this.list.append(box);
      this.cells.set(name, cell);
    }
    cell.textContent = value;
    cell.classList.toggle("bad", bad);
  }
}

function short(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(0)} k`;
  return number.format(Math.round(value));
}
