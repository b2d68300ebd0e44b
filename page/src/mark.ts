// The marked span of a recording: dragged on the spectrogram, or set by key at the playhead.

import { clock, find } from "./format";

const LEAST_PIXELS = 4;
const LEAST_SECONDS = 0.05;

export class Mark {
  span: [number, number] | null = null;
  private begun: number | null = null;
  private start = 0;
  private end = 1;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly box: HTMLElement,
    onSeek: (seconds: number) => void,
    signal: AbortSignal,
  ) {
    let pressed: number | null = null;
    canvas.addEventListener("pointerdown", (event) => {
      pressed = event.offsetX;
      canvas.setPointerCapture(event.pointerId);
    }, { signal });
    canvas.addEventListener("pointermove", (event) => {
      if (pressed !== null && Math.abs(event.offsetX - pressed) > LEAST_PIXELS) this.set(this.at(pressed), this.at(event.offsetX));
    }, { signal });
    canvas.addEventListener("pointerup", (event) => {
      if (pressed !== null && Math.abs(event.offsetX - pressed) <= LEAST_PIXELS) onSeek(this.at(event.offsetX));
      pressed = null;
    }, { signal });
    canvas.addEventListener("pointercancel", () => (pressed = null), { signal });
    this.clear();
  }

  private at(pixels: number): number {
    const part = Math.min(1, Math.max(0, pixels / this.canvas.clientWidth));
    return this.start + part * (this.end - this.start);
  }

  set(one: number, other: number): void {
    this.begun = null;
    this.span = [Math.min(one, other), Math.max(one, other)];
    this.draw();
  }

  /** The first call begins a span, the second one ends it. */
  setAt(seconds: number): void {
    if (this.begun === null || Math.abs(seconds - this.begun) < LEAST_SECONDS) {
      this.clear();
      this.begun = seconds;
      find("span").textContent = `from ${clock(seconds)}; press m again at its end`;
      find("markbar").hidden = false;
      find("markbar").classList.add("begun");
    } else this.set(this.begun, seconds);
  }

  clear(): void {
    this.span = null;
    this.begun = null;
    this.draw();
  }

  get isSet(): boolean {
    return this.span !== null || this.begun !== null;
  }

  show(start: number, end: number): void {
    this.start = start;
    this.end = end;
    this.draw();
  }

  private draw(): void {
    const bar = find("markbar");
    if (this.begun === null) {
      bar.hidden = !this.span;
      bar.classList.remove("begun");
    }
    this.box.hidden = !this.span;
    if (!this.span) return;
    const [from, to] = this.span;
    const part = (seconds: number) => Math.min(1, Math.max(0, (seconds - this.start) / (this.end - this.start)));
    this.box.style.left = `${100 * part(from)}%`;
    this.box.style.width = `${100 * (part(to) - part(from))}%`;
    const text = `${clock(from, 2)} to ${clock(to, 2)}`;
    if (find("span").textContent !== text) find("span").textContent = text;
  }
}
