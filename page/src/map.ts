// The map of an index: a point per segment, to hear, to look at and to label.

import * as archive from "./archive";
import { pick, read } from "./colours";
import { add, describe } from "./examples";
import { element, find, visible } from "./format";
import { hear } from "./sound";

const NEAR = 14;
const MOST_ADDED = 500;
const OTHERS = 11;

type Point = [number, number];

export class EmbeddingMap {
  private readonly canvas = find<HTMLCanvasElement>("map");
  private points: archive.MapPoints = { total: 0, names: [], rows: [], x: [], y: [], classes: [] };
  private chosen = new Set<number>();
  private scale = 1;
  private middle: Point = [0, 0];
  private lasso: Point[] = [];
  private moved: Point | null = null;
  private near = -1;
  private timer = 0;
  private loaded = false;

  constructor(
    private readonly onList: (rows: number[]) => void,
    private readonly onLike: (row: number) => void,
    private readonly onError: (error: unknown) => void,
  ) {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    canvas.addEventListener("pointerup", () => this.release());
    canvas.addEventListener("pointercancel", () => this.release());
    canvas.addEventListener("pointerleave", () => this.point(-1, false));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.25 : 0.8, [event.offsetX, event.offsetY]);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.onKey(event));
    find("map-in").addEventListener("click", () => this.zoom(1.5));
    find("map-out").addEventListener("click", () => this.zoom(1 / 1.5));
    find("map-none").addEventListener("click", () => this.choose(new Set()));
    find("map-list").addEventListener("click", () => this.onList([...this.chosen].slice(0, 200).map((at) => this.points.rows[at]!)));
    find<HTMLFormElement>("map-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.label();
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  async open(): Promise<void> {
    if (this.loaded) return this.draw();
    this.loaded = true;
    try {
      this.points = await archive.loadMap();
      const { rows, total, names } = this.points;
      find("map-count").textContent = rows.length < total ? `${rows.length.toLocaleString("en")} of ${total.toLocaleString("en")} segments` : `${total.toLocaleString("en")} segments`;
      this.fillLegend(names);
      this.draw();
    } catch (error) {
      this.loaded = false;
      this.onError(error);
    }
  }

  private fillLegend(names: string[]): void {
    const some = this.points.classes.some((place) => place < 0);
    const items = [...names.map((name, place) => [visible(name), place] as const), ...(some ? [["others", OTHERS] as const] : [])];
    find("legend").replaceChildren(
      ...items.map(([name, place]) => {
        const mark = element("span", "", { class: "mark" });
        mark.style.background = this.colour(place);
        const item = element("li");
        item.append(mark, element("span", name));
        return item;
      }),
    );
  }

  private colour(place: number): string {
    return place < 0 || place >= OTHERS ? read("--wave") : pick(place);
  }

  recolour(): void {
    this.fillLegend(this.points.names);
    this.draw();
  }

  private get unit(): number {
    return (Math.min(this.canvas.clientWidth, this.canvas.clientHeight) / 2 - 16) * this.scale;
  }

  private toPixels(at: number): Point {
    const { clientWidth, clientHeight } = this.canvas;
    const [x, y] = this.middle;
    return [clientWidth / 2 + (this.points.x[at]! - x) * this.unit, clientHeight / 2 - (this.points.y[at]! - y) * this.unit];
  }

  draw(): void {
    const { canvas, points } = this;
    const ratio = devicePixelRatio || 1;
    if (!canvas.clientWidth) return;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const context = canvas.getContext("2d")!;
    context.scale(ratio, ratio);
    const size = Math.min(9, (points.rows.length > 5000 ? 3 : 6) * Math.sqrt(this.scale));
    const colours = Array.from({ length: OTHERS + 1 }, (_, place) => this.colour(place));
    context.globalAlpha = points.rows.length > 5000 ? 0.6 : 0.85;
    for (let at = 0; at < points.rows.length; at++) {
      const [x, y] = this.toPixels(at);
      const place = points.classes[at]!;
      context.fillStyle = colours[place < 0 ? OTHERS : place]!;
      context.fillRect(x - size / 2, y - size / 2, size, size);
    }
    context.globalAlpha = 1;
    context.strokeStyle = read("--ink");
    context.lineWidth = 1.5;
    for (const at of this.chosen) {
      const [x, y] = this.toPixels(at);
      context.strokeRect(x - size / 2 - 1.5, y - size / 2 - 1.5, size + 3, size + 3);
    }
    if (this.near >= 0) {
      const [x, y] = this.toPixels(this.near);
      context.strokeStyle = read("--wrong");
      context.lineWidth = 2.5;
      context.beginPath();
      context.arc(x, y, size / 2 + 5, 0, 2 * Math.PI);
      context.stroke();
    }
    if (this.lasso.length > 1) {
      context.strokeStyle = read("--accent");
      context.setLineDash([5, 4]);
      context.beginPath();
      for (const [x, y] of this.lasso) context.lineTo(x, y);
      context.closePath();
      context.stroke();
    }
  }

  private press(event: PointerEvent): void {
    this.canvas.setPointerCapture(event.pointerId);
    if (event.shiftKey || event.button === 1) this.moved = [event.offsetX, event.offsetY];
    else this.lasso = [[event.offsetX, event.offsetY]];
  }

  private drag(event: PointerEvent): void {
    const here: Point = [event.offsetX, event.offsetY];
    if (this.moved) {
      this.middle = [this.middle[0] - (here[0] - this.moved[0]) / this.unit, this.middle[1] + (here[1] - this.moved[1]) / this.unit];
      this.moved = here;
      this.draw();
    } else if (this.lasso.length) {
      this.lasso.push(here);
      this.draw();
    } else this.point(this.findNear(here), true);
  }

  private release(): void {
    const [lasso, moved] = [this.lasso, this.moved];
    this.lasso = [];
    this.moved = null;
    if (moved || !lasso.length) return;
    if (lasso.length < 6) {
      const at = this.findNear(lasso[0]!);
      this.point(at, true);
      if (at >= 0) this.toggle(at);
      return this.draw();
    }
    const inside = new Set<number>();
    for (let at = 0; at < this.points.rows.length; at++) if (isInside(this.toPixels(at), lasso)) inside.add(at);
    this.choose(inside);
  }

  private findNear([x, y]: Point): number {
    let [best, least] = [-1, NEAR * NEAR];
    for (let at = 0; at < this.points.rows.length; at++) {
      const [left, top] = this.toPixels(at);
      const distance = (left - x) ** 2 + (top - y) ** 2;
      if (distance < least) [best, least] = [at, distance];
    }
    return best;
  }

  /** Point at a segment: it is heard, and named, when the pointer rests there. */
  private point(at: number, listen: boolean): void {
    if (at === this.near) return;
    this.near = at;
    this.draw();
    clearTimeout(this.timer);
    if (at < 0 || !listen) return;
    this.timer = window.setTimeout(() => void this.name(at), 120);
  }

  private async name(at: number): Promise<void> {
    const number = this.points.rows[at]!;
    if (find<HTMLInputElement>("map-hear").checked) hear(archive.rowSound(number));
    try {
      const row = await archive.loadRow(number);
      if (this.near !== at) return;
      find("map-row").textContent = `${visible(describe(row.source, row.start, row.start + row.duration))}: ${visible(row.tags.slice(0, 3).join(", "))}`;
    } catch (error) {
      this.onError(error);
    }
  }

  private zoom(factor: number, at?: Point): void {
    const { clientWidth, clientHeight } = this.canvas;
    const [x, y] = at ?? [clientWidth / 2, clientHeight / 2];
    const place: Point = [(x - clientWidth / 2) / this.unit, (clientHeight / 2 - y) / this.unit];
    const before = this.scale;
    this.scale = Math.min(200, Math.max(0.5, this.scale * factor));
    const part = 1 - before / this.scale;
    this.middle = [this.middle[0] + place[0] * part, this.middle[1] + place[1] * part];
    this.draw();
  }

  private onKey(event: KeyboardEvent): void {
    const steps: Record<string, Point> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    if (step) this.walk(step);
    else if (event.key === "Enter" && this.near >= 0) hear(archive.rowSound(this.points.rows[this.near]!));
    else if (event.key === " " && this.near >= 0) this.toggle(this.near);
    else if (event.key === "f" && this.near >= 0) this.onLike(this.points.rows[this.near]!);
    else if (event.key === "+" || event.key === "=") this.zoom(1.5);
    else if (event.key === "-") this.zoom(1 / 1.5);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Go to the nearest point in a direction. */
  private walk([right, down]: Point): void {
    const { clientWidth, clientHeight } = this.canvas;
    const [x, y] = this.near < 0 ? [clientWidth / 2, clientHeight / 2] : this.toPixels(this.near);
    let [best, least] = [-1, Infinity];
    for (let at = 0; at < this.points.rows.length; at++) {
      const [left, top] = this.toPixels(at);
      const along = (left - x) * right + (top - y) * down;
      const across = Math.abs((left - x) * down + (top - y) * right);
      if (this.near >= 0 && (at === this.near || along < 0.5)) continue;
      const cost = this.near < 0 ? Math.hypot(left - x, top - y) : along + 2 * across;
      if (cost < least) [best, least] = [at, cost];
    }
    if (best >= 0) this.point(best, true);
  }

  private toggle(at: number): void {
    const chosen = new Set(this.chosen);
    if (!chosen.delete(at)) chosen.add(at);
    this.choose(chosen);
  }

  private choose(chosen: Set<number>): void {
    this.chosen = chosen;
    find("map-form").hidden = !chosen.size;
    find("map-chosen").textContent = chosen.size === 1 ? "1 chosen" : `${chosen.size} chosen`;
    this.draw();
  }

  private async label(): Promise<void> {
    const name = find<HTMLInputElement>("map-class").value.trim();
    if (!name) return;
    const taken = [...this.chosen].slice(0, MOST_ADDED);
    add(taken.map((at) => ({ class: name, row: this.points.rows[at]!, label: `segment ${this.points.rows[at]!} of the map` })));
    find("map-chosen").textContent = `${taken.length} added to ${visible(name)}`;
  }
}

/** Whether a point lies in a polygon, by the number of sides that a ray from it crosses. */
export function isInside([x, y]: Point, polygon: Point[]): boolean {
  let inside = false;
  for (let one = 0, other = polygon.length - 1; one < polygon.length; other = one++) {
    const [left, top] = polygon[one]!;
    const [right, bottom] = polygon[other]!;
    if (top > y !== bottom > y && x < ((right - left) * (y - top)) / (bottom - top) + left) inside = !inside;
  }
  return inside;
}
