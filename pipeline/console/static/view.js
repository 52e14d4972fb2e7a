// The frame around what the network sees: dragged, moved by keys, made larger or smaller by a cell.
const SETTLED_MS = 2000;

export class View {
  // `ask` tells the brain of another view and gives its answer.
  constructor(frame, ask) {
    this.frame = frame;
    this.ask = ask;
    this.head = null;
    this.seen = null;
    this.grip = null;
    this.busy = false;
    this.answered = -Infinity;
    this.waiting = [];
    frame.addEventListener("pointerdown", (event) => this.begin(event));
    frame.addEventListener("pointermove", (event) => this.drag(event));
    frame.addEventListener("pointerup", (event) => this.drop(event));
    frame.addEventListener("pointercancel", () => this.letGo());
    frame.addEventListener("keydown", (event) => this.press(event));
  }

  // From a preview: how large the picture is, and where the frame is in it.
  show(head) {
    this.head = head;
    // Not where it was before what is asked for now.
    if (this.grip || this.busy) return;
    const [left, top, width, height] = head.view;
    this.place(left, top, width, height);
  }

  // From the brain's status: {x, y, width, height, cell} in pixels of the sensor.
  tell(view) {
    // It may be older than the answer to what was asked here, and the next key begins from there.
    if (this.seen && (this.busy || performance.now() - this.answered < SETTLED_MS)) return;
    this.seen = view ?? null;
  }

  // Of another camera nothing was asked yet.
  forget() {
    this.seen = null;
  }

  place(left, top, width, height) {
    const style = this.frame.style;
    style.left = `${(100 * left) / this.head.width}%`;
    style.top = `${(100 * top) / this.head.height}%`;
    style.width = `${(100 * width) / this.head.width}%`;
    style.height = `${(100 * height) / this.head.height}%`;
  }

  begin(event) {
    if (!this.head || !this.seen || event.button !== 0) return;
    this.frame.setPointerCapture(event.pointerId);
    const screen = this.frame.parentElement.getBoundingClientRect();
    const scale = (this.head.width * this.head.shrunk) / screen.width;
    this.grip = { x: event.clientX, y: event.clientY, scale, to: { ...this.seen } };
  }

  drag(event) {
    if (!this.grip) return;
    const { x, y, scale, to } = this.grip;
    const right = Math.round((event.clientX - x) * scale);
    const down = Math.round((event.clientY - y) * scale);
    Object.assign(to, this.within(this.seen.x + right, this.seen.y + down, to.width, to.height));
    const by = this.head.shrunk;
    this.place(to.x / by, to.y / by, to.width / by, to.height / by);
  }

  drop() {
    if (!this.grip) return;
    const { to } = this.grip;
    const moved = to.x !== this.seen.x || to.y !== this.seen.y;
    if (moved) this.inTurn(() => this.move(to));
    this.letGo();
  }

  letGo() {
    this.grip = null;
    if (this.head) this.show(this.head);
  }

  press(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    // A key that is held down does not run on once it is let go.
    if (event.repeat && this.waiting.length) return event.preventDefault();
    if (step) this.shift(...step);
    else if (event.key === "+" || event.key === "=") this.resize(1);
    else if (event.key === "-") this.resize(-1);
    else if (event.key === "Home") this.centre();
    else return;
    event.preventDefault();
  }

  // By so many cells.
  shift(right, down) {
    this.inTurn(() => {
      if (!this.seen) return;
      const { x, y, width, height, cell } = this.seen;
      this.move(this.within(x + right * cell, y + down * cell, width, height));
    });
  }

  // By so many sensor pixels a cell, about the middle.
  resize(by) {
    this.inTurn(() => {
      if (!this.seen) return;
      const { x, y, width, height, cell } = this.seen;
      if (cell + by < 1) return;
      const [wide, high] = [(width / cell) * (cell + by), (height / cell) * (cell + by)];
      if (Math.max(wide, high) > this.head.shrunk * Math.min(this.head.width, this.head.height)) return;
      const moved = this.within(
        Math.round(x - (wide - width) / 2), Math.round(y - (high - height) / 2), wide, high,
      );
      this.move(moved);
    });
  }

  centre() {
    this.inTurn(() => this.send("centred"));
  }

  within(x, y, width, height) {
    const [most_x, most_y] = [this.head.width, this.head.height].map((side) => side * this.head.shrunk);
    const side = Math.max(width, height);
    return {
      x: Math.max(0, Math.min(x, most_x - side)), y: Math.max(0, Math.min(y, most_y - side)), width, height,
    };
  }

  move({ x, y, width, height }) {
    return this.send(`${x},${y},${Math.max(width, height)}`);
  }

  // One request at a time: what is asked for before the answer waits for it, as it begins from there.
  inTurn(act) {
    if (this.busy) this.waiting.push(act);
    else act();
  }

  async send(text) {
    this.busy = true;
    const answer = await this.ask(text).finally(() => {
      this.busy = false;
    });
    if (answer.ok && answer.width !== undefined && this.head) {
      this.seen = { x: answer.x, y: answer.y, width: answer.width, height: answer.height, cell: answer.cell };
      this.answered = performance.now();
      const by = this.head.shrunk;
      this.head = { ...this.head, view: [answer.x / by, answer.y / by, answer.width / by, answer.height / by] };
    }
    // One that asks for nothing, such as a frame that cannot grow, lets the next go on.
    while (!this.busy && this.waiting.length) this.waiting.shift()();
    if (this.head) this.show(this.head);
  }
}
