// The log: what was done at this console, and the end of the session's own log.
export class Log {
  constructor(list) {
    this.list = list;
    this.parts = { log: [], session: [] };
  }

  show(kind, lines) {
    this.parts[kind] = lines;
    const shown = this.parts.session.length ? this.parts.session : this.parts.log;
    this.list.replaceChildren(...shown.map(entry).reverse());
  }
}

function entry(line) {
  const item = document.createElement("li");
  if (typeof line === "string") {
    item.textContent = line;
    return item;
  }
  item.textContent = `${new Date(1000 * line.time_s).toLocaleTimeString("en-GB")} ${line.text}`;
  item.classList.toggle("failed", Boolean(line.failed));
  return item;
}
