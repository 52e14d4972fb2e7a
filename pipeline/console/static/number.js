// A field for a number: what is none is marked and told to nobody, and what stood there before comes back.
export class NumberField {
  // `take` gets what was entered, `complain` what is wrong with it.
  constructor(box, name, { take = () => {}, complain }) {
    Object.assign(this, { box, name, take, complain });
    this.kept = box.value;
    box.addEventListener("input", () => this.mark());
    box.addEventListener("change", () => this.enter());
    box.addEventListener("blur", () => this.leave());
  }

  // What is entered; what stood there before, as long as that is no number.
  get value() {
    return Number(this.isNumber ? this.box.value : this.kept);
  }

  // Of an empty field, and of text that is no number, a browser gives an empty value.
  get isNumber() {
    return this.box.value !== "";
  }

  mark() {
    this.box.setAttribute("aria-invalid", String(!this.isNumber));
  }

  enter() {
    this.mark();
    if (!this.isNumber) return this.complain(`${this.name}: got no number; allowed: a number; ${this.kept} is kept`);
    this.kept = this.box.value;
    this.take(this.value);
  }

  leave() {
    if (!this.isNumber) this.box.value = this.kept;
    this.mark();
  }

  // What it is elsewhere; somebody who is typing is left alone.
  tell(value) {
    this.kept = String(value);
    if (document.activeElement === this.box) return;
    this.box.value = this.kept;
    this.mark();
  }
}
