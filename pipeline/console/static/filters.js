// What the source leaves out of its events: switches, and how much it was.
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export class Filters {
  // `ask` tells the source what to filter.
  constructor(row, ask) {
    this.row = row;
    this.ask = ask;
    this.hot = row.querySelector("#hot-pixels");
    this.find = row.querySelector("#find-hot");
    this.noise = row.querySelector("#noise");
    this.ms = row.querySelector("#noise-ms");
    this.hot.addEventListener("change", () => ask({ hot_pixels: this.hot.checked }));
    this.find.addEventListener("click", () => ask({ hot_pixels: "find" }));
    for (const box of [this.noise, this.ms]) box.addEventListener("change", () => this.tellNoise());
  }

  tellNoise() {
    this.ask({ noise_ms: this.noise.checked ? Number(this.ms.value) : false });
  }

  // From the source's status; null where there is none to be asked.
  tell(filters) {
    this.row.hidden = !filters;
    if (!filters) return;
    this.hot.checked = filters.hot_pixels;
    this.noise.checked = filters.noise_ms !== null;
    if (filters.noise_ms !== null && document.activeElement !== this.ms) this.ms.value = String(filters.noise_ms);
    const removed = filters.removed_hot + filters.removed_noise;
    const found = filters.hot_pixels ? `${filters.hot_pixels_found} hot, ` : "";
    this.row.querySelector("#removed").textContent = `${found}${short.format(removed)} events left out`;
  }
}
