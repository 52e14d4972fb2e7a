// The event picture: ON in amber, OFF in blue, fading as the stream's time goes on.
const FADE_MS = 70;
const GROUND = [12, 17, 22];
const ON = [255, 180, 84];
const OFF = [89, 180, 255];

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.t_us = null;
  }

  // What comes next is of something else.
  forget() {
    this.t_us = null;
  }

  show({ head, on, off }) {
    const pixels = head.width * head.height;
    if (!pixels) return;
    if (this.canvas.width !== head.width || this.canvas.height !== head.height || !this.image) {
      this.canvas.width = head.width;
      this.canvas.height = head.height;
      this.image = this.context.createImageData(head.width, head.height);
      this.levels = [new Float32Array(pixels), new Float32Array(pixels)];
    }
    const passed_ms = this.t_us === null ? Infinity : Math.abs(head.t_us - this.t_us) / 1000;
    this.t_us = head.t_us;
    const kept = Math.exp(-passed_ms / FADE_MS);
    const data = this.image.data;
    const [bright, dark] = this.levels;
    for (let at = 0; at < pixels; at++) {
      const a = (bright[at] = Math.max(bright[at] * kept, Math.min(1, on[at] * 0.5)));
      const b = (dark[at] = Math.max(dark[at] * kept, Math.min(1, off[at] * 0.5)));
      for (let part = 0; part < 3; part++) {
        data[4 * at + part] = GROUND[part] + a * (ON[part] - GROUND[part]) * (1 - b / 2)
          + b * (OFF[part] - GROUND[part]) * (1 - a / 2);
      }
      data[4 * at + 3] = 255;
    }
    this.context.putImageData(this.image, 0, 0);
  }
}
