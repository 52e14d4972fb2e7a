// What the source leaves out of its events: switches, and how much it was.
import { NumberField } from "./number.js";

const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export class Filters {
  // `ask` tells the source what to filter, `complain` what cannot be told.
  constructor(row, ask, complain) {
    this.row = row;
    this.ask = ask;
    this.hot = row.querySelector("#hot-pixels");
    this.find = row.querySelector("#find-hot");
    this.noise = row.querySelector("#noise");
    const take = () => this.tellNoise();
    this.ms = new NumberField(row.querySelector("#noise-ms"), "time of the noise filter", { take, complain });
    this.hot.addEventListener("change", () => ask({ hot_pixels: this.hot.checked }));
    this.find.addEventListener("click", () => ask({ hot_pixels: "find" }));
    this.noise.addEventListener("change", take);
  }

  tellNoise() {
    this.ask({ noise_ms: this.noise.checked ? this.ms.value : false });
  }

  // From the source's status; null where there is none to be asked.
  tell(filters) {
    this.row.hidden = !filters;
    if (!filters) return;
    this.hot.checked = filters.hot_pixels;
    this.noise.checked = filters.noise_ms !== null;
    if (filters.noise_ms !== null) this.ms.tell(filters.noise_ms);
    const removed = filters.removed_hot + filters.removed_noise;
    const found = filters.hot_pixels ? `${filters.hot_pixels_found} hot, ` : "";
    this.row.querySelector("#removed").textContent = `${found}${short.format(removed)} events left out`;
  }
}
