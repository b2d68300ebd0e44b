// The page: choose a recording, wait for its analysis, look at it.

import "./style.css";
import * as api from "./api";
import * as archive from "./archive";
import { add, describe } from "./examples";
import { clock, element, find, size, visible } from "./format";
import { Found } from "./found";
import { Teaching } from "./lesson";
import { EmbeddingMap } from "./map";
import { Review, type Item } from "./review";
import { hear, reportTo, stop } from "./sound";
import * as tabs from "./tabs";
import { View } from "./view";

let features: archive.Features = { index: null, review: null, teach: null };
let found: Found | null = null;
let map: EmbeddingMap | null = null;
let review: Review | null = null;
let view: View | null = null;
let work = new AbortController();
let folder: api.Recording[] = [];

function showError(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (error instanceof api.Refusal && error.status === 401) {
    find("login").hidden = false;
    find("start").hidden = true;
    find("token").focus();
    return;
  }
  const line = find("error");
  line.textContent = visible(error instanceof Error ? error.message : String(error));
  line.hidden = false;
}

function hideError(): void {
  find("error").hidden = true;
}

function showProgress(text: string, part: number | null): void {
  find("progress").hidden = false;
  find("stage").textContent = text;
  const bar = find<HTMLProgressElement>("bar");
  if (part === null) bar.removeAttribute("value");
  else bar.value = part;
}

function closeView(): void {
  view?.close();
  view = null;
  find("view").hidden = true;
  find("start").hidden = false;
}

async function open(recording: api.Recording, address: string): Promise<void> {
  showProgress("Listening…", null);
  try {
    const known = await api.analyse(
      recording.id,
      (seconds) => showProgress(`Listening: ${clock(seconds, 0)} done`, null),
      work.signal,
    );
    find("start").hidden = true;
    find("view").hidden = false;
    view = new View(recording, known, address, showError);
    await view.open();
    find("main").focus({ preventScroll: true });
    scrollTo(0, 0);
  } catch (error) {
    closeView();
    if (recording.kept) void api.discard(recording.id);
    showError(error);
  } finally {
    find("progress").hidden = true;
  }
}

function begin(): void {
  work.abort();
  work = new AbortController();
  hideError();
  closeView();
}

async function openFile(file: File): Promise<void> {
  begin();
  tabs.show("listen");
  showProgress("Sending…", 0);
  try {
    const recording = await api.send(file, (part) => showProgress("Sending…", part), work.signal);
    await open(recording, URL.createObjectURL(file));
  } catch (error) {
    find("progress").hidden = true;
    showError(error);
  }
}

function listFiles(): void {
  const wanted = find<HTMLInputElement>("search").value.trim().toLowerCase();
  const items = folder
    .filter((one) => one.name.toLowerCase().includes(wanted))
    .slice(0, 300)
    .map((one) => {
      const button = element("button", visible(one.name), { type: "button" });
      button.append(element("span", size(one.size_bytes), { class: "faint small" }));
      button.addEventListener("click", () => {
        begin();
        void open(one, `recordings/${one.id}/media`);
      });
      const item = element("li");
      item.append(button);
      return item;
    });
  find("files").replaceChildren(...items);
}

/** Open a recording that is on the server, at a time. */
async function openAt(recording: api.Recording, start: number, end: number): Promise<void> {
  begin();
  tabs.show("listen");
  await open(recording, `recordings/${recording.id}/media`);
  view?.mark.set(start, end);
  view?.seek(start);
}

function known(key: string, name: string): api.Recording {
  return { id: key, name, size_bytes: null, kept: false };
}

function showPart(part: tabs.Part): void {
  if (!tabs.isOffered(part)) return;
  hideError();
  tabs.show(part);
  if (part === "map") void map?.open();
}

function findMarked(): void {
  const span = view?.mark.span;
  if (!view || !span || !features.index) return;
  const { id, name } = view.recording;
  showPart("search");
  const example = { recording: id, start: span[0].toFixed(3), end: span[1].toFixed(3) };
  void found?.search({ label: describe(name, ...span), example });
}

function findRow(row: number): void {
  showPart("search");
  void found?.search({ label: `segment ${row} of the index`, example: { row } });
}

async function findFile(file: File): Promise<void> {
  hideError();
  find("query").textContent = `Like ${visible(file.name)}`;
  find("found-state").textContent = "Searching…";
  try {
    const held = await api.send(file, () => undefined, new AbortController().signal);
    await found?.search({ label: file.name, example: { recording: held.id } });
  } catch (error) {
    find("found-state").textContent = "";
    showError(error);
  }
}

function hearMarked(): void {
  const span = view?.mark.span;
  if (view && span) hear(archive.partSound(view.recording.id, ...span));
}

function addMarked(): void {
  const span = view?.mark.span;
  const name = find<HTMLInputElement>("mark-class").value.trim();
  if (!view || !span || !features.teach) return;
  if (!name) return find("mark-class").focus();
  const [start, end] = span.map((seconds) => Math.round(1000 * seconds) / 1000) as [number, number];
  add([{ class: name, recording: view.recording.id, start, end, label: describe(view.recording.name, start, end) }]);
  view.mark.clear();
}

function takeAsExample(place: { row?: number; recording?: string; start?: number; end?: number }, name: string, label: string) {
  return async (word: archive.Word) => {
    if (word === "right" || word === "wrong") add([{ class: name, ...place, wrong: word === "wrong", label }]);
  };
}

/** Judge the rows of the table that the server was started with. */
async function reviewTable(): Promise<void> {
  const { rows } = await archive.loadReview();
  find("thresholds-form").hidden = false;
  if (!rows.length) return;
  const items = rows.map((row): Item => ({
    name: row.class,
    source: row.path,
    start: row.start,
    end: row.start + row.duration,
    probability: row.probability,
    judgement: row.judgement,
    sound: `review/${row.row}/sound?context=0.5`,
    save: (word) => archive.judge({ judgements: [{ row: row.row, key: row.key, judgement: word }] }),
    open: () => void openAt(known(row.recording, row.path), row.start, row.start + row.duration),
  }));
  review?.begin(features.review ?? "Review", items);
}

/** Judge the events that are shown of the recording. */
function reviewEvents(): void {
  if (!view) return;
  const { id, name } = view.recording;
  const items = view.listEvents().map((event): Item => {
    const detection = { recording: id, start: event.start, duration: event.end - event.start, class: event.name, probability: event.peak };
    const place = { recording: id, start: event.start, end: event.end };
    const label = describe(name, event.start, event.end);
    return {
      name: event.name,
      source: name,
      start: event.start,
      end: event.end,
      probability: event.peak,
      judgement: "",
      sound: archive.partSound(id, event.start - 0.5, event.end + 0.5),
      save: features.review
        ? (word) => archive.judge({ detections: [{ ...detection, judgement: word }] })
        : takeAsExample(place, event.name, label),
    };
  });
  showPart("review");
  review?.begin(name, items);
}

function reviewSuggested(suggested: archive.Suggestion[]): void {
  const items = suggested.map((one): Item => ({
    name: one.class,
    source: one.source,
    start: one.start,
    end: one.start + one.duration,
    probability: one.probability,
    judgement: "",
    sound: archive.rowSound(one.row, 0.25),
    save: takeAsExample({ row: one.row }, one.class, describe(one.source, one.start, one.start + one.duration)),
    open: () => void openAt(known(one.recording, one.source), one.start, one.start + one.duration),
  }));
  showPart("review");
  review?.begin("Suggested: what is right or wrong becomes an example", items);
}

/** Offer what the server can do. */
async function offerParts(): Promise<void> {
  features = await archive.loadFeatures();
  tabs.offer("search", !!features.index);
  tabs.offer("map", !!features.index?.has_map);
  tabs.offer("review", !!features.review || !!features.teach);
  tabs.offer("teach", !!features.teach);
  find("mark-find").hidden = !features.index;
  find("mark-teach").hidden = !features.teach;
  find("found-form").classList.toggle("off", !features.teach);
  find("map-form").classList.toggle("off", !features.teach);
  find("review-events").hidden = !features.review && !features.teach;
  find("columns").textContent = features.index ? `Columns: ${visible(features.index.columns.join(", "))}` : "";
  found ??= new Found((row) => void openAt(known(row.recording, row.source), row.start, row.start + row.duration), showError);
  map ??= features.index?.has_map ? new EmbeddingMap((rows) => void listRows(rows), findRow, showError) : null;
  review ??= new Review(showError, () => void (features.review && review?.showThresholds()));
  if (features.teach) new Teaching(features, reviewSuggested, showError);
  review.begin("Review", []);
  if (features.review) await reviewTable();
}

async function listRows(rows: number[]): Promise<void> {
  showPart("search");
  find("query").textContent = "Chosen on the map";
  try {
    found?.show(await Promise.all(rows.map(archive.loadRow)));
  } catch (error) {
    showError(error);
  }
}

async function load(): Promise<void> {
  const [model, formats, files] = await Promise.all([api.loadModel(), api.listFormats(), api.listFolder()]);
  void offerParts().catch(showError);
  find("model").textContent = `${visible(model.name)}, ${model.classes.length} classes`;
  find("format").replaceChildren(...formats.map((name) => element("option", name, { value: name })));
  folder = files;
  find("folder").hidden = !files.length;
  listFiles();
  find("login").hidden = true;
  if (!view) find("start").hidden = false;
}

function switchTheme(): void {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  view?.recolour();
  map?.recolour();
}

type Keys = Record<string, (shift: boolean) => void>;

const EVERYWHERE: Keys = {
  ...Object.fromEntries(tabs.PARTS.map((part, place) => [String(place + 1), () => showPart(part)])),
  o: () => find<HTMLInputElement>("file").click(),
  t: switchTheme,
  "?": () => find<HTMLDialogElement>("keys").showModal(),
};

const LISTENING: Keys = {
  " ": () => view?.toggle(),
  ArrowLeft: (shift) => view?.skip(shift ? -10 : -1),
  ArrowRight: (shift) => view?.skip(shift ? 10 : 1),
  Home: () => view?.seek(0),
  End: () => view?.seek(Infinity),
  n: () => view?.step(1),
  p: () => view?.step(-1),
  "+": () => view?.zoom(2),
  "=": () => view?.zoom(2),
  "-": () => view?.zoom(0.5),
  "[": () => view?.changeThreshold(-0.05),
  "]": () => view?.changeThreshold(0.05),
  d: () => void view?.download(),
  m: () => view?.markHere(),
  f: findMarked,
  e: addMarked,
  Enter: hearMarked,
  Escape: () => (view?.mark.isSet ? view.mark.clear() : begin()),
};

const REVIEWING: Keys = {
  r: () => review?.judge("right"),
  w: () => review?.judge("wrong"),
  s: () => review?.judge("skip"),
  b: () => review?.go(-1),
  " ": () => review?.hear(),
  Escape: stop,
};

function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || find<HTMLDialogElement>("keys").open) return;
  if (target.matches("input:not([type=checkbox]), select, textarea") && event.key !== "Escape") return;
  if (target.matches("button, summary, [type=checkbox]") && (event.key === " " || event.key === "Enter")) return;
  const part = tabs.current();
  const own = part === "listen" ? LISTENING : part === "review" ? REVIEWING : { Escape: () => (hideError(), stop()) };
  const act = own[event.key] ?? EVERYWHERE[event.key];
  if (!act) return;
  event.preventDefault();
  act(event.shiftKey);
}

function startParts(): void {
  tabs.start(showPart);
  reportTo(showError);
  find("mark-play").addEventListener("click", hearMarked);
  find("mark-find").addEventListener("click", findMarked);
  find("mark-clear").addEventListener("click", () => view?.mark.clear());
  find("markbar").addEventListener("submit", (event) => {
    event.preventDefault();
    addMarked();
  });
  find("review-events").addEventListener("click", reviewEvents);
  find("thresholds-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void review?.showThresholds();
  });
  const like = find<HTMLInputElement>("like");
  find("like-file").addEventListener("click", () => like.click());
  like.addEventListener("change", () => {
    const file = like.files?.[0];
    like.value = "";
    if (file) void findFile(file);
  });
}

function start(): void {
  const theme = localStorage.getItem("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    view?.recolour();
    map?.recolour();
  });
  startParts();
  const input = find<HTMLInputElement>("file");
  for (const id of ["open", "choose"]) find(id).addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    input.value = "";
    if (file) void openFile(file);
  });
  find("theme").addEventListener("click", switchTheme);
  find("help").addEventListener("click", () => find<HTMLDialogElement>("keys").showModal());
  find("cancel").addEventListener("click", begin);
  find("close").addEventListener("click", begin);
  find("search").addEventListener("input", listFiles);
  find<HTMLFormElement>("login").addEventListener("submit", (event) => {
    event.preventDefault();
    const token = find<HTMLInputElement>("token");
    hideError();
    api.enter(token.value).then(load).catch((error: unknown) => {
      if (error instanceof api.Refusal && error.status === 401) showError(new Error("This is not the token."));
      else showError(error);
    });
    token.value = "";
  });
  addEventListener("keydown", onKey);
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragging");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    const file = event.dataTransfer?.files[0];
    if (file) void openFile(file);
  });
  addEventListener("pagehide", () => {
    if (view?.recording.kept) void api.discard(view.recording.id);
  });
  load().catch(showError);
}

start();
