// The log: what was done at this console, or the end of the session's own log where there is one.
export class Log {
  constructor(list) {
    this.list = list;
    this.parts = { log: [], session: [] };
  }

  show(kind, lines) {
    this.parts[kind] = kind === "session" ? lines.map(ofSession) : lines.map(ofConsole);
    const shown = [...this.parts.session, ...this.parts.log.filter((line) => !this.parts.session.length || line.failed)];
    shown.sort((a, b) => b.at - a.at);
    this.list.replaceChildren(...shown.map(entry));
  }
}

function ofConsole({ time_s, text, failed }) {
  return { at: 1000 * time_s, text, failed: Boolean(failed) };
}

function ofSession(line) {
  let said;
  try {
    said = JSON.parse(line);
  } catch {
    return { at: 0, text: line };
  }
  return { at: Date.parse(said.at) || 0, text: inWords(said) };
}

function inWords({ what, request, answer, ...rest }) {
  if (what === "request") {
    const { command, ...fields } = request ?? {};
    const failed = answer?.error ? `: ${answer.error}` : "";
    return [command, ...Object.entries(fields).map(([name, value]) => `${name} ${value}`)].join(" ") + failed;
  }
  if (what === "lesson") return `lesson ${rest.number}: ${rest.name}, ${((rest.end_us - rest.begin_us) / 1e6).toFixed(1)} s`;
  if (what === "version") return `version ${rest.version}${rest.name ? ` ${rest.name}` : ""}: ${rest.reason}`;
  const { n, frame, t_us, at, ...fields } = rest;
  return `${what} ${JSON.stringify(fields)}`;
}

function entry({ at, text, failed }) {
  const item = document.createElement("li");
  item.textContent = `${at ? new Date(at).toLocaleTimeString("en-GB") : ""} ${text}`;
  item.classList.toggle("failed", Boolean(failed));
  return item;
}
