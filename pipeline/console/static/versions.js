// Versions: the table to go back with, what to compare, and what comparing gave.
const ASK_AGAIN_MS = 700;

export class Versions {
  constructor(ask) {
    this.ask = ask;
    this.body = document.querySelector("#versions tbody");
    this.selects = [document.querySelector("#before"), document.querySelector("#after")];
    this.result = document.querySelector("#comparison");
    this.known = "";
    for (const select of this.selects) {
      select.addEventListener("change", () => (select.dataset.chosen = "yes"));
    }
    document.querySelector("#save").addEventListener("submit", (event) => this.save(event));
    document.querySelector("#compare").addEventListener("submit", (event) => this.compare(event));
  }

  // Looks for new ones where the status says that something happened.
  async tell({ version, lessons, model_version: digest, lesson }) {
    const known = JSON.stringify([version, lessons, digest, lesson === null]);
    if (known === this.known) return;
    this.known = known;
    await this.refresh();
  }

  async refresh() {
    const answer = await this.ask("versions", {}, { quiet: true });
    if (!answer.ok) return;
    this.show(answer.versions, answer.current ?? JSON.parse(this.known || "[]")[0]);
  }

  show(versions, current) {
    this.showRows([...versions].reverse(), current);
    this.selects.forEach((select, number) => {
      const before = select.value;
      select.replaceChildren(...versions.map((version) => new Option(title(version), String(version.version))));
      const usual = versions.at(number === 0 ? 0 : -1);
      // What somebody chose stays, as long as it is there.
      const stays = select.dataset.chosen && [...select.options].some((option) => option.value === before);
      if (usual) select.value = stays ? before : String(usual.version);
    });
  }

  // Rows that stay are not touched: one of their buttons may be held down right now.
  showRows(versions, current) {
    const wanted = new Set(versions.map(shown));
    for (const row of [...this.body.rows]) if (!wanted.has(row.dataset.shown)) row.remove();
    const there = new Map([...this.body.rows].map((row) => [row.dataset.shown, row]));
    let next = this.body.firstElementChild;
    for (const version of versions) {
      const row = there.get(shown(version)) ?? this.row(version);
      row.classList.toggle("current", version.version === current);
      if (row === next) next = next.nextElementSibling;
      else this.body.insertBefore(row, next);
    }
  }

  row(version) {
    const row = document.createElement("tr");
    row.dataset.shown = shown(version);
    for (const text of [title(version), version.lessons, version.reason]) {
      row.insertCell().textContent = text ?? "";
    }
    const load = document.createElement("button");
    load.type = "button";
    load.textContent = "Load";
    load.setAttribute("aria-label", `Load version ${title(version)}`);
    load.dataset.version = String(version.version);
    load.addEventListener("click", () => this.ask("load", { version: version.version }));
    row.insertCell().append(load);
    return row;
  }

  async save(event) {
    event.preventDefault();
    const box = document.querySelector("#save-name");
    const name = box.value.trim();
    const answer = await this.ask("save", name ? { name } : {});
    if (!answer.ok) return;
    box.value = "";
    this.known = "";
  }

  async compare(event) {
    event.preventDefault();
    const [before, after] = this.selects.map((select) => Number(select.value));
    this.result.textContent = "comparing on kept clips";
    for (;;) {
      const answer = await this.ask("compare", { before, after });
      if (!answer.ok || answer.state === "failed") {
        this.result.textContent = answer.error;
        return;
      }
      if (answer.state === "done") return this.showComparison(answer.classes, before, after);
      await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
    }
  }

  showComparison(classes, before, after) {
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const text of ["class", `version ${before}`, `version ${after}`]) {
      const cell = document.createElement("th");
      cell.textContent = text;
      head.append(cell);
    }
    const body = table.createTBody();
    for (const [name, shares] of Object.entries(classes)) {
      const row = body.insertRow();
      for (const text of [name, percent(shares.before), percent(shares.after)]) {
        row.insertCell().textContent = text;
      }
    }
    this.result.replaceChildren(table);
  }
}

function title({ version, name }) {
  return name ? `${version} ${name}` : String(version);
}

function shown(version) {
  return JSON.stringify([title(version), version.lessons, version.reason]);
}

function percent(share) {
  return share == null ? "–" : `${Math.round(100 * share)} %`;
}
