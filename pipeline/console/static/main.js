// The console's page: what comes from the brain goes to the parts that show it, and back.
import { Classes } from "./classes.js";
import { Figures } from "./figures.js";
import { Filters } from "./filters.js";
import { Hold, isTyping } from "./hold.js";
import { Link } from "./link.js";
import { Log } from "./log.js";
import { NumberField } from "./number.js";
import { Picture } from "./picture.js";
import { decode } from "./preview.js";
import { Rasters } from "./raster.js";
import { Sources } from "./sources.js";
import { Versions } from "./versions.js";
import { View } from "./view.js";

const at = (id) => document.getElementById(id);
const TROUBLE_MS = 8000;
const STEP_PACKETS = 10;
const SEEK_S = 5;

const picture = new Picture(at("picture"));
const view = new View(at("view"), (text) => askBrain("view", { view: text }));
const rasters = new Rasters(at("rasters"));
const figures = new Figures(at("figures"));
const filters = new Filters(at("filters"), (fields) => ask("source", "filters", fields), complain);
const lessonSeconds = new NumberField(at("lesson-s"), "seconds of a lesson", { complain });
const settingFields = new Map();
const log = new Log(at("log"));
const sources = new Sources(at("sources"), () => {
  hold.release();
  for (const shown of [picture, rasters, figures, view]) shown.forget();
  showBrain({ status: brain });
});
let brain = {};
let source = null;
let troubleTimer;

function complain(text) {
  at("trouble").textContent = text;
  at("trouble").hidden = !text;
  clearTimeout(troubleTimer);
  if (text) troubleTimer = setTimeout(() => complain(""), TROUBLE_MS);
}

async function ask(to, command, fields = {}, { quiet = false } = {}) {
  const answer = await link.ask(to, command, fields);
  if (!answer.ok && !quiet) complain(answer.error);
  return answer;
}

// A lesson ends whoever's it is.
function askBrain(command, fields, how) {
  const ofAll = ["pause", "resume"].includes(command) || (command === "target" && fields.class === null);
  const named = sources.chosen && !ofAll;
  return ask("brain", command, named ? { ...fields, source: sources.chosen } : fields, how);
}

const hold = new Hold({
  begin: (name, seconds) => {
    at("lesson").textContent = `teaching ${name}`;
    classes.showLesson({ class: name });
    askBrain("target", seconds ? { class: name, seconds } : { class: name }).then((answer) => {
      if (!answer.ok) at("lesson").textContent = "";
    });
  },
  end: () => {
    at("lesson").textContent = "";
    askBrain("target", { class: null });
  },
  stillHere: () => link.stillHere(),
  say: (text) => (at("lesson").textContent = text),
  handsFree: () => (at("hands-free").checked ? Math.max(1, lessonSeconds.value) : 0),
});
const classes = new Classes(at("classes"), hold);
hold.attach(at("none"), "none", "n");
const versions = new Versions(askBrain);

const link = new Link({
  onPreview: (buffer) => {
    const preview = decode(buffer);
    if (!sources.isShown(preview.head.source)) return;
    picture.show(preview);
    view.show(preview.head);
    rasters.show(preview);
    figures.show(preview.head);
    classes.showVotes(preview.head.figures.counts);
    document.body.dataset.previews = String(Number(document.body.dataset.previews ?? 0) + 1);
  },
  onNews: (news) => {
    if (news.kind === "label") showLabel(news.label);
    else if (news.kind === "brain") showBrain(news);
    else if (news.kind === "source") showSource(news);
    else if (news.kind === "console") figures.tellOfBrowsers(news);
    else if (news.kind === "log" || news.kind === "session") log.show(news.kind, news.lines);
  },
  onState: showState,
  onDoor: (trouble) => {
    at("door-trouble").textContent = trouble;
    if (!at("door").open) at("door").showModal();
  },
});

function showState(text, well) {
  at("state").textContent = text;
  at("state").className = well ? "well" : "ill";
}

function showLabel(label) {
  if (!sources.isShown(label.source)) return;
  at("label").textContent = label.label;
  at("label").className = label.class ? "" : "unsure";
  at("confidence").textContent = `${Math.round(100 * label.confidence)} % of the votes`;
  at("confidence-fill").style.width = `${100 * label.confidence}%`;
  classes.showLabel(label.label);
}

function showBrain({ status, error }) {
  if (error) return showState("the brain does not answer", false);
  brain = status;
  sources.tell(status.sources);
  status = sources.of(status);
  at("source").textContent = sources.chosen ? "" : status.source ?? "";
  figures.tell(status);
  view.tell(status.view);
  for (const id of ["smaller", "larger", "centred"]) at(id).disabled = !status.view;
  classes.name(status.classes ?? []);
  classes.showLesson(status.lesson);
  classes.showRehearsal(status.rehearsal);
  // A button that vanishes lets go of who holds it.
  if (!hold.held) at("none").hidden = (status.classes ?? []).includes("none");
  if (status.lesson && !at("lesson").textContent) at("lesson").textContent = `teaching ${named(status.lesson.class)}`;
  else if (!status.lesson && !hold.held && at("lesson").textContent.startsWith("teaching")) at("lesson").textContent = "";
  at("undo").disabled = status.undoable === 0;
  at("rehearsal").checked = Boolean(status.rehearsal_on);
  if (status.settings) showSettings(status.settings);
  versions.tell(status);
  showMoving();
}

function named(taught) {
  return typeof taught === "number" ? brain.classes?.[taught - 1] ?? `class ${taught}` : taught;
}

function showSource({ status }) {
  source = status ?? null;
  at("step").hidden = !source;
  filters.tell(source?.filters);
  const at_us = source?.position_us ?? null;
  at("seek").hidden = at_us === null;
  if (at_us !== null) at("position").textContent = `at ${(at_us / 1e6).toFixed(2)} s`;
  showMoving();
}

function isPaused() {
  return Boolean(brain.paused || source?.paused);
}

function showMoving() {
  at("pause").setAttribute("aria-pressed", String(isPaused()));
  at("pause").firstChild.textContent = isPaused() ? "Go on " : "Pause ";
  // What a source says of itself tells nothing of the brain.
  if (brain.classes) showState(isPaused() ? "paused" : brain.learning === false ? "running, does not learn" : "running", true);
}

// The source holds still where there is one to be asked, so that nothing queues up.
async function togglePause() {
  if (brain.paused) return askBrain("resume");
  const whom = source ? "source" : "brain";
  return ask(whom, isPaused() ? "resume" : "pause");
}

function seekBy(seconds) {
  if (source?.position_us == null) return;
  ask("source", "seek", { s: Math.max(0, source.position_us / 1e6 + seconds) });
}

function showSettings(settings) {
  const form = at("settings");
  form.hidden = false;
  for (const [name, value] of Object.entries(settings)) {
    if (!settingFields.has(name)) {
      const box = document.createElement("input");
      box.name = name;
      box.type = "number";
      box.step = "any";
      box.min = "0";
      const title = document.createElement("label");
      const shown = name.replaceAll("_", " ");
      title.append(`${shown} `, box);
      form.append(title);
      const take = (entered) => askBrain("settings", { [name]: entered });
      settingFields.set(name, new NumberField(box, shown, { take, complain }));
    }
    settingFields.get(name).tell(value);
  }
}

at("pause").addEventListener("click", togglePause);
at("step").addEventListener("click", () => ask("source", "step", { packets: STEP_PACKETS }));
at("to-start").addEventListener("click", () => ask("source", "seek", { s: 0 }));
at("back").addEventListener("click", () => seekBy(-SEEK_S));
at("forward").addEventListener("click", () => seekBy(SEEK_S));
at("smaller").addEventListener("click", () => view.resize(-1));
at("larger").addEventListener("click", () => view.resize(1));
at("centred").addEventListener("click", () => view.centre());
at("undo").addEventListener("click", () => askBrain("undo"));
at("rehearsal").addEventListener("change", () => askBrain("rehearsal", { on: at("rehearsal").checked }));
at("settings").addEventListener("submit", (event) => event.preventDefault());
at("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await askBrain("add_class", { name: at("new-class").value.trim() });
  if (answer.ok) at("new-class").value = "";
});
at("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  at("door").close();
  link.enter(at("token").value);
  at("token").value = "";
});
addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === " " && !(event.target instanceof HTMLButtonElement)) {
    event.preventDefault();
    togglePause();
  } else if (event.key === "z") askBrain("undo");
  else if (event.key === "." && source) ask("source", "step", { packets: STEP_PACKETS });
  else if (event.key === ",") seekBy(-SEEK_S);
  else if (event.key === "/") seekBy(SEEK_S);
});
