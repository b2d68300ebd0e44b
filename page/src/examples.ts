// The examples that have been marked for teaching, class by class; they are kept until the page is closed.

import { partSound, rowSound, type Example } from "./archive";
import { clock, element, find, visible } from "./format";
import { hear } from "./sound";

export interface Marked extends Example {
  label: string;
}

const MOST = 1_000;
let marked: Marked[] = [];

function keyOf(one: Marked): string {
  return JSON.stringify([one.class, one.row, one.recording, one.start, one.end]);
}

/** Add examples, each once; a later judgement of the same sound replaces an earlier one. Returns how many there are now. */
export function add(more: Marked[]): number {
  const known = new Map(marked.map((one) => [keyOf(one), one]));
  for (const one of more) known.set(keyOf(one), one);
  marked = [...known.values()].slice(0, MOST);
  show();
  return marked.length;
}

export function list(): Example[] {
  return marked.map(({ label: _, ...example }) => example);
}

export function describe(source: string, start: number, end: number): string {
  return `${source}, ${clock(start)} to ${clock(end)}`;
}

function remove(one: Marked): void {
  marked = marked.filter((other) => other !== one);
  show();
  find("lesson-name").focus();
}

export function show(): void {
  const classes = [...new Set(marked.map((one) => one.class))].sort();
  find("no-examples").hidden = marked.length > 0;
  find("example-count").textContent = marked.length ? String(marked.length) : "";
  find("class-names").replaceChildren(...["background", ...classes.filter((name) => name !== "background")].map((name) => element("option", "", { value: name })));
  const groups = classes.map((name) => {
    const own = marked.filter((one) => one.class === name);
    const group = element("details");
    group.open = own.length <= 12;
    group.append(element("summary", `${visible(name)}: ${own.length === 1 ? "1 example" : `${own.length} examples`}`));
    const items = element("ul", "", { class: "plain" });
    for (const one of own.slice(0, 200)) items.append(showOne(one));
    group.append(items);
    return group;
  });
  find("examples").replaceChildren(...groups);
  find<HTMLButtonElement>("teach-now").disabled = !marked.length;
}

function showOne(one: Marked): HTMLElement {
  const item = element("li");
  const label = visible(one.label);
  const play = element("button", "▶", { type: "button", "aria-label": `Play ${label}`, "aria-pressed": "false" });
  play.addEventListener("click", () =>
    hear(one.row !== undefined ? rowSound(one.row) : partSound(one.recording!, one.start ?? 0, one.end ?? 60), play),
  );
  const drop = element("button", "✕", { type: "button", "aria-label": `Remove ${label}` });
  drop.addEventListener("click", () => remove(one));
  item.append(play, element("span", one.wrong ? `not: ${label}` : label, { class: "grow breaks" }), drop);
  return item;
}
