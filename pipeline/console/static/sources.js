// Sources: which of a brain's several is looked at and taught; with only one there is no choice.
export class Sources {
  constructor(select, changed) {
    this.select = select;
    this.names = [];
    select.addEventListener("change", () => changed());
  }

  // From the brain's status: those that have come so far.
  tell(sources) {
    const names = (sources ?? []).map(({ source }) => source).filter((name) => name !== null);
    if (names.join("\n") === this.names.join("\n")) return;
    const chosen = this.select.value;
    this.names = names;
    this.select.replaceChildren(...names.map((name) => new Option(name, name)));
    if (names.includes(chosen)) this.select.value = chosen;
    this.select.hidden = (sources ?? []).length < 2;
  }

  // The name to say in a request, if one must be said.
  get chosen() {
    return this.select.hidden ? null : this.select.value || null;
  }

  isShown(source) {
    return this.chosen === null || this.chosen === source;
  }

  // The brain's status with what it says of the chosen source in front.
  of(status) {
    const own = (status.sources ?? []).find(({ source }) => source === this.chosen);
    return own ? { ...status, ...own } : status;
  }
}
