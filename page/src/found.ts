// Search by example: what was found, to hear, to open and to take as examples.

import * as archive from "./archive";
import { add, describe } from "./examples";
import { clock, element, find, visible } from "./format";
import { hear } from "./sound";

type Query = { label: string; example: Record<string, string | number> };

export class Found {
  private asked: Query | null = null;
  private rows: archive.Row[] = [];

  constructor(
    private readonly onOpen: (row: archive.Row) => void,
    private readonly onError: (error: unknown) => void,
  ) {
    find<HTMLFormElement>("where-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.asked) void this.search(this.asked);
    });
    find<HTMLFormElement>("found-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.take();
    });
  }

  async search(query: Query): Promise<void> {
    this.asked = query;
    find("query").textContent = `Like ${visible(query.label)}`;
    find("found-state").textContent = "Searching…";
    try {
      this.show(await archive.search(query.example, find<HTMLInputElement>("where").value));
    } catch (error) {
      this.show([]);
      this.onError(error);
    }
  }

  /** Show rows, the nearest first. */
  show(rows: archive.Row[]): void {
    this.rows = rows;
    find("found-state").textContent = rows.length === 1 ? "1 segment" : `${rows.length} segments`;
    find("found-form").hidden = !rows.length;
    find("found").replaceChildren(...rows.map((row, place) => this.showOne(row, place)));
  }

  private showOne(row: archive.Row, place: number): HTMLElement {
    const where = describe(row.source, row.start, row.start + row.duration);
    const line = element("tr");
    const play = element("button", "▶", { type: "button", "aria-label": `Play ${visible(where)}`, "aria-pressed": "false" });
    play.addEventListener("click", () => hear(archive.rowSound(row.row, 0.25), play));
    const open = element("button", visible(row.source), { type: "button", class: "link", title: "Open the recording here" });
    open.addEventListener("click", () => this.onOpen(row));
    const like = element("button", "More like it", { type: "button", "aria-label": `More like ${visible(where)}` });
    like.addEventListener("click", () => void this.search({ label: where, example: { row: row.row } }));
    const box = element("input", "", { type: "checkbox", "aria-label": `Take ${visible(where)} as an example` });
    box.dataset.place = String(place);
    const meter = element("span", row.similarity.toFixed(3), { class: "meter" });
    meter.style.setProperty("--part", `${Math.max(0, row.similarity) * 100}%`);
    for (const cell of [box, play, open]) {
      const holder = element("td");
      holder.append(cell);
      line.append(holder);
    }
    const shown = element("td");
    shown.append(meter);
    const more = element("td");
    more.append(like);
    line.append(element("td", clock(row.start), { class: "number" }), shown, element("td", visible(row.tags.slice(0, 2).join(", ")), { class: "faint tags" }), more);
    return line;
  }

  private take(): void {
    const name = find<HTMLInputElement>("found-class").value.trim();
    const boxes = [...find("found").querySelectorAll<HTMLInputElement>("input:checked")];
    if (!name || !boxes.length) return;
    add(
      boxes.map((box) => {
        const row = this.rows[Number(box.dataset.place)]!;
        return { class: name, row: row.row, label: describe(row.source, row.start, row.start + row.duration) };
      }),
    );
    for (const box of boxes) box.checked = false;
    find("found-state").textContent = `${boxes.length} added to ${visible(name)}`;
  }
}
