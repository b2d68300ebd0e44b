// The page: choose a recording, wait for its analysis, look at it.

import "./style.css";
import * as api from "./api";
import { clock, element, find, size, visible } from "./format";
import { View } from "./view";

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

async function load(): Promise<void> {
  const [model, formats, files] = await Promise.all([api.loadModel(), api.listFormats(), api.listFolder()]);
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
}

const KEYS: Record<string, (shift: boolean) => void> = {
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
  o: () => find<HTMLInputElement>("file").click(),
  d: () => void view?.download(),
  t: switchTheme,
  "?": () => find<HTMLDialogElement>("keys").showModal(),
  Escape: () => begin(),
};

function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || find<HTMLDialogElement>("keys").open) return;
  if (target.matches("input, select, textarea") && event.key !== "Escape") return;
  if (target.matches("button") && event.key === " ") return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act(event.shiftKey);
}

function start(): void {
  const theme = localStorage.getItem("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view?.recolour());
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
