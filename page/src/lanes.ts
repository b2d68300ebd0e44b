// A lane per class: the spans in which it reaches the threshold.

import type { ClassRow, Event } from "./api";
import { pick, read } from "./colours";
import { visible } from "./format";

const HEIGHT = 30;
/** Where the bars begin: the name of the class stands above them, and covers none. */
const TOP = 16;
const MOST = 12;

export class Lanes {
  private readonly canvas = document.createElement("canvas");
  private events: Event[] = [];
  private rows: number[] = [];
  private start = 0;
  private end = 1;
  private now = 0;

  constructor(
    private readonly holder: HTMLElement,
    private readonly names: Map<number, ClassRow>,
    private readonly places: Map<number, number>,
    onSeek: (seconds: number) => void,
  ) {
    holder.replaceChildren(this.canvas);
    this.canvas.addEventListener("click", (event) =>
      onSeek(this.start + (event.offsetX / this.canvas.clientWidth) * (this.end - this.start)),
    );
  }

  /** Show other events; the lanes are those of the classes with the most of them. */
  fill(events: Event[]): void {
    this.events = events;
    const seconds = new Map<number, number>();
    for (const [index, start, end] of events) seconds.set(index, (seconds.get(index) ?? 0) + end - start);
    const chosen = [...seconds.keys()].sort((a, b) => seconds.get(b)! - seconds.get(a)!).slice(0, MOST);
    this.rows = chosen.sort((a, b) => (this.places.get(a) ?? 0) - (this.places.get(b) ?? 0));
    this.holder.hidden = !this.rows.length;
    this.holder.style.height = `${this.rows.length * HEIGHT}px`;
    this.draw();
  }

  show(start: number, end: number): void {
    this.start = start;
    this.end = end;
    this.draw();
  }

  /** Stress the lanes of the classes that are heard at a time. */
  mark(seconds: number): void {
    const before = this.heard(this.now).join();
    this.now = seconds;
    if (this.heard(seconds).join() !== before) this.draw();
  }

  private heard(seconds: number): number[] {
    return this.events.filter(([, start, end]) => start <= seconds && seconds < end).map(([index]) => index);
  }

  draw(): void {
    const ratio = devicePixelRatio || 1;
    const width = this.holder.clientWidth;
    const height = this.rows.length * HEIGHT;
    if (!width || !height) return;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const context = this.canvas.getContext("2d")!;
    context.scale(ratio, ratio);
    const scale = width / (this.end - this.start);
    const heard = new Set(this.heard(this.now));
    const [ink, faint, hair] = [read("--ink"), read("--faint"), read("--hair")];
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    this.rows.forEach((index, row) => {
      const top = row * HEIGHT;
      context.fillStyle = hair;
      context.fillRect(0, top + HEIGHT - 1, width, 1);
      context.fillStyle = pick(this.places.get(index) ?? 0);
      for (const [one, start, end, peak] of this.events) {
        if (one !== index || end < this.start || start > this.end) continue;
        context.globalAlpha = 0.35 + 0.65 * peak;
        const left = (start - this.start) * scale;
        context.fillRect(left, top + TOP, Math.max(2, (end - start) * scale), HEIGHT - TOP - 4);
      }
      context.globalAlpha = 1;
      const name = visible(this.names.get(index)?.name ?? "");
      context.font = heard.has(index) ? "600 12px system-ui, sans-serif" : "12px system-ui, sans-serif";
      context.fillStyle = heard.has(index) ? ink : faint;
      context.fillText(name, 6, top + TOP / 2 + 1, width - 12);
    });
    const named = this.rows.map((index) => visible(this.names.get(index)?.name ?? ""));
    this.holder.setAttribute("aria-label", named.length ? `Events by class: ${named.join(", ")}` : "No events");
  }
}
