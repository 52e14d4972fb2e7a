// Holding: a lesson lasts while a button, a key or a finger is down, and never longer.
const READY_MS = 2000;
const STILL_HERE_MS = 500;

export class Hold {
  constructor({ begin, end, stillHere, say, handsFree }) {
    Object.assign(this, { begin, end, stillHere, say, handsFree });
    this.held = null;
    this.keys = new Map();
    addEventListener("keydown", (event) => this.keyDown(event));
    addEventListener("keyup", (event) => this.release(`key ${event.code}`));
    // Whoever looks elsewhere holds nothing.
    addEventListener("blur", () => this.release());
    document.addEventListener("visibilitychange", () => document.hidden && this.release());
    addEventListener("pagehide", () => this.release());
  }

  attach(button, name, key) {
    if (key) this.keys.set(key, { name, button });
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      this.press(`pointer ${event.pointerId}`, name);
    });
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
      button.addEventListener(kind, (event) => this.release(`pointer ${event.pointerId}`));
    }
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("keydown", (event) => {
      if (event.repeat || ![" ", "Enter"].includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      this.press(`key ${event.code}`, name);
    });
  }

  keyDown(event) {
    if (event.key === "Escape") return this.cancel();
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const wanted = this.keys.get(event.key.toLowerCase());
    if (wanted?.button.isConnected) this.press(`key ${event.code}`, wanted.name);
  }

  press(by, name) {
    const seconds = this.handsFree();
    if (seconds) return this.getReady(name, seconds);
    this.release();
    this.held = { by, timer: setInterval(this.stillHere, STILL_HERE_MS) };
    this.begin(name);
  }

  // Releases what is held by this key or pointer; by anything, if it is not said.
  release(by) {
    if (!this.held || (by && this.held.by !== by)) return;
    clearInterval(this.held.timer);
    this.held = null;
    this.end();
  }

  cancel() {
    clearTimeout(this.ready);
    this.say("");
    if (this.held) this.release();
    else this.end();
  }

  // Both hands are wanted for the gesture: the lesson begins by itself, and the brain ends it.
  getReady(name, seconds) {
    clearTimeout(this.ready);
    this.say(`get ready: ${name}`);
    this.ready = setTimeout(() => {
      this.say("");
      this.begin(name, seconds);
    }, READY_MS);
  }
}

export function isTyping(target) {
  return target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement
    || (target instanceof HTMLInputElement && !["checkbox", "range"].includes(target.type));
}
