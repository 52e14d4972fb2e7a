// The list of classes: a button to hold, votes as a bar, accuracy in rehearsal.
const KEYS = "1234567890qwertyuiop";
const POOR = 0.6;

export class Classes {
  constructor(list, hold) {
    this.list = list;
    this.hold = hold;
    this.rows = [];
    this.names = [];
  }

  name(names) {
    if (names.join("\n") === this.names.join("\n")) return;
    // Rows that stay are left alone: one of them may be held just now.
    const kept = this.names.every((name, index) => names[index] === name) ? this.names.length : 0;
    if (!kept) {
      this.list.replaceChildren();
      this.rows = [];
    }
    this.names = [...names];
    names.slice(kept).forEach((name, index) => this.rows.push(this.row(name, kept + index)));
  }

  row(name, index) {
    const item = document.createElement("li");
    const key = name === "none" ? "n" : KEYS[index];
    const button = teachButton(name, key);
    button.dataset.class = String(index + 1);
    this.hold.attach(button, name, key);
    const bar = document.createElement("div");
    bar.className = "bar";
    bar.setAttribute("aria-hidden", "true");
    const fill = document.createElement("span");
    bar.append(fill);
    const share = document.createElement("span");
    share.className = "share";
    share.setAttribute("aria-label", "share of votes");
    const recalled = document.createElement("span");
    recalled.className = "recalled";
    recalled.setAttribute("aria-label", "accuracy in rehearsal");
    recalled.title = "accuracy in rehearsal of earlier lessons";
    item.append(button, bar, share, recalled);
    this.list.append(item);
    return { item, button, fill, share, recalled };
  }

  showVotes(counts) {
    const total = counts.reduce((sum, count) => sum + count, 0) || 1;
    this.rows.forEach(({ fill, share }, index) => {
      const part = (counts[index] ?? 0) / total;
      fill.style.width = `${100 * part}%`;
      share.textContent = `${Math.round(100 * part)} %`;
    });
  }

  showLabel(name) {
    this.rows.forEach(({ item }, index) => item.classList.toggle("named", this.names[index] === name));
  }

  showLesson(lesson) {
    const taught = typeof lesson?.class === "string" ? this.names.indexOf(lesson.class) + 1 : lesson?.class;
    this.rows.forEach(({ button }, index) => {
      button.classList.toggle("on", taught === index + 1);
      button.setAttribute("aria-pressed", String(taught === index + 1));
    });
  }

  showRehearsal(accuracy) {
    this.rows.forEach(({ recalled }, index) => {
      const share = accuracy?.[this.names[index]];
      const known = typeof share === "number";
      recalled.textContent = known ? `↻ ${Math.round(100 * share)} %` : "";
      recalled.classList.toggle("known", known);
      recalled.classList.toggle("poor", known && share < POOR);
    });
  }
}

function teachButton(name, key) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "teach";
  button.setAttribute("aria-label", `Hold to teach ${name}`);
  button.setAttribute("aria-pressed", "false");
  const cap = document.createElement("kbd");
  cap.textContent = key ?? "·";
  const text = document.createElement("span");
  text.className = "name";
  text.textContent = name;
  text.title = name;
  button.append(cap, text);
  return button;
}
