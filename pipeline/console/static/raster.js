// Rasters: a row per neuron, a column per millisecond, scrolling to the left.
const COLUMNS = 1000;
const SPIKE = [255, 205, 130, 255];

export class Rasters {
  constructor(place) {
    this.place = place;
    this.layers = [];
    this.t_us = null;
  }

  // What comes next is of something else.
  forget() {
    this.t_us = null;
  }

  show({ head, rasters }) {
    if (head.neurons.join() !== this.layers.map((layer) => layer.canvas.height).join()) this.begin(head);
    const passed = this.t_us === null ? COLUMNS : Math.round((head.t_us - this.t_us) / 1000);
    this.t_us = head.t_us;
    // Steps that no preview had stay dark; a time that went back begins anew.
    const shift = passed < head.steps ? COLUMNS : Math.min(COLUMNS, passed);
    rasters.forEach((raster, number) => this.scroll(this.layers[number], raster, head, number, shift));
  }

  begin({ neurons }) {
    this.place.replaceChildren();
    this.layers = neurons.map((height, number) => {
      const figure = document.createElement("figure");
      const canvas = document.createElement("canvas");
      canvas.width = COLUMNS;
      canvas.height = height;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Spikes of ${height} neurons of layer ${number + 1}, last second`);
      const caption = document.createElement("figcaption");
      figure.append(canvas, caption);
      this.place.append(figure);
      return { canvas, caption, context: canvas.getContext("2d"), rate: null };
    });
    this.t_us = null;
  }

  scroll(layer, raster, { steps, neurons }, number, shift) {
    const { context, canvas } = layer;
    context.globalCompositeOperation = "copy";
    context.drawImage(canvas, -shift, 0);
    if (!steps) return;
    const height = neurons[number];
    const image = context.createImageData(steps, height);
    let spikes = 0;
    for (let step = 0; step < steps; step++) {
      for (let neuron = 0; neuron < height; neuron++) {
        if (raster[step * height + neuron]) {
          spikes++;
          image.data.set(SPIKE, 4 * (neuron * steps + step));
        }
      }
    }
    context.putImageData(image, COLUMNS - steps, 0);
    const rate_hz = (1000 * spikes) / (steps * height || 1);
    layer.rate = layer.rate === null ? rate_hz : layer.rate + 0.1 * (rate_hz - layer.rate);
    layer.caption.textContent =
      `layer ${number + 1}: ${height} neurons shown, ${layer.rate.toFixed(0)} spikes/s each`;
  }
}
