// One recording: player, waveform, spectrogram, lanes and traces in step.

import WaveSurfer from "wavesurfer.js";
import * as api from "./api";
import { pick, read } from "./colours";
import { clock, element, find, visible } from "./format";
import { Lanes } from "./lanes";
import { Mark } from "./mark";
import { Spectrogram } from "./spectrogram";
import { Traces } from "./traces";

const SHOWN_EVENTS = 500;
const WAVE_HEIGHT = 72;

export class View {
  private readonly stop = new AbortController();
  private readonly media = find<HTMLVideoElement>("media");
  private readonly names: Map<number, api.ClassRow>;
  private readonly places: Map<number, number>;
  private readonly spectrogram: Spectrogram;
  private readonly lanes: Lanes;
  private readonly traces: Traces;
  readonly mark: Mark;
  private wave: WaveSurfer | null = null;
  private observer: ResizeObserver;
  private chosen: Set<number>;
  private events: api.Event[] = [];
  private asked = new AbortController();
  private timer = 0;
  private frame = 0;
  private start = 0;
  private end: number;

  constructor(
    readonly recording: api.Recording,
    private readonly analysis: api.Analysis,
    private readonly address: string,
    private readonly onError: (error: unknown) => void,
  ) {
    this.end = analysis.seconds;
    this.names = new Map(analysis.classes.map((row) => [row.index, row]));
    this.places = new Map(analysis.classes.map((row, place) => [row.index, place]));
    this.chosen = new Set(this.names.keys());
    const { signal } = this.stop;
    const seek = (seconds: number) => this.seek(seconds);
    const canvas = find<HTMLCanvasElement>("spectrogram");
    this.spectrogram = new Spectrogram(canvas, recording.id, analysis.picture, signal);
    this.lanes = new Lanes(find("lanes"), this.names, this.places, seek);
    this.traces = new Traces(find("traces"), analysis, this.places, seek);
    this.mark = new Mark(canvas, find("marked"), seek, signal);
    this.observer = new ResizeObserver(() => this.redraw());
    find("name").textContent = visible(recording.name);
    this.listen(signal);
  }

  async open(): Promise<void> {
    const points = Math.min(400_000, Math.max(2_000, Math.round(this.analysis.seconds * 50)));
    const peaks = await api.loadBytes(`recordings/${this.recording.id}/peaks?points=${points}`, this.stop.signal);
    const loudest = peaks.reduce((most, value) => Math.max(most, value), 1);
    this.media.src = this.address;
    this.wave = WaveSurfer.create({
      container: find("wave"),
      media: this.media,
      peaks: [Float32Array.from(peaks, (value) => value / loudest)],
      duration: this.analysis.seconds,
      height: WAVE_HEIGHT,
      waveColor: read("--wave"),
      progressColor: read("--accent"),
      cursorWidth: 0,
      autoScroll: true,
      dragToSeek: true,
      cspNonce: document.querySelector<HTMLMetaElement>("meta[name=csp-nonce]")?.content ?? "",
    });
    this.wave.on("scroll", () => this.follow());
    this.wave.on("redraw", () => this.follow());
    this.wave.on("zoom", () => this.follow());
    this.wave.on("error", () => undefined);
    this.wave.on("interaction", (seconds) => this.showTime(seconds));
    this.fillClasses();
    this.traces.build();
    this.traces.choose(this.chosen);
    this.observer.observe(find("panes"));
    await this.findEvents();
    this.follow();
    this.showTime(0);
  }

  private listen(signal: AbortSignal): void {
    const on = (id: string, type: string, act: (event: globalThis.Event) => void) =>
      find(id).addEventListener(type, act, { signal });
    on("play", "click", () => this.toggle());
    on("previous", "click", () => this.step(-1));
    on("next", "click", () => this.step(1));
    on("in", "click", () => this.zoom(2));
    on("out", "click", () => this.zoom(0.5));
    on("rate", "change", () => (this.media.playbackRate = Number(find<HTMLSelectElement>("rate").value)));
    on("threshold", "input", () => this.changeThreshold());
    on("filter", "input", () => this.fillClasses());
    on("all", "click", () => this.choose(this.listed(), true));
    on("none", "click", () => this.choose(this.listed(), false));
    on("download", "click", () => void this.download());
    this.media.addEventListener("play", () => this.showPlaying(true), { signal });
    this.media.addEventListener("pause", () => this.showPlaying(false), { signal });
    this.media.addEventListener("seeked", () => this.showTime(this.media.currentTime), { signal });
    this.media.addEventListener("timeupdate", () => this.showTime(this.media.currentTime), { signal });
    this.media.addEventListener(
      "loadedmetadata",
      () => {
        find("player").hidden = !this.media.videoWidth;
        find("unplayable").hidden = true;
      },
      { signal },
    );
    this.media.addEventListener("error", () => (find("unplayable").hidden = !this.media.getAttribute("src")), { signal });
  }

  toggle(): void {
    if (this.media.paused) void this.media.play().catch(() => undefined);
    else this.media.pause();
  }

  seek(seconds: number): void {
    const time = Math.min(this.analysis.seconds, Math.max(0, seconds));
    this.wave?.setTime(time);
    if (time < this.start || time > this.end) this.wave?.setScrollTime(Math.max(0, time - (this.end - this.start) / 2));
    this.showTime(time);
  }

  /** Begin a span at the playhead, or end it there. */
  markHere(): void {
    this.mark.setAt(this.wave?.getCurrentTime() ?? 0);
  }

  /** The events that are shown, with the names of their classes. */
  listEvents(): { start: number; end: number; name: string; peak: number }[] {
    return this.events.map(([index, start, end, peak]) => ({ start, end, peak, name: this.names.get(index)?.name ?? "" }));
  }

  skip(seconds: number): void {
    this.seek((this.wave?.getCurrentTime() ?? 0) + seconds);
  }

  /** Go to the event before or after the present position. */
  step(direction: 1 | -1): void {
    const now = this.wave?.getCurrentTime() ?? 0;
    const starts = this.events.map(([, start]) => start);
    const next = direction > 0 ? starts.find((start) => start > now + 0.01) : starts.findLast((start) => start < now - 0.01);
    if (next !== undefined) this.seek(next);
  }

  zoom(factor: number): void {
    if (!this.wave) return;
    const width = this.wave.getWidth();
    const least = width / this.analysis.seconds;
    const present = width / (this.end - this.start);
    // browsers lay out no element that is wider than some ten million pixels
    const most = Math.min(400, 8e6 / this.analysis.seconds);
    const wanted = Math.max(least, Math.min(Math.max(most, least), present * factor));
    this.wave.zoom(wanted);
    const span = width / wanted;
    this.wave.setScrollTime(Math.max(0, this.wave.getCurrentTime() - span / 2));
    this.follow();
  }

  private follow(): void {
    if (!this.wave) return;
    const whole = this.wave.getWrapper().clientWidth;
    if (!whole) return;
    const perSecond = whole / this.analysis.seconds;
    this.start = this.wave.getScroll() / perSecond;
    this.end = Math.min(this.analysis.seconds, this.start + this.wave.getWidth() / perSecond);
    this.spectrogram.show(this.start, this.end);
    this.lanes.show(this.start, this.end);
    this.traces.show(this.start, this.end);
    this.mark.show(this.start, this.end);
    this.movePlayhead();
  }

  private redraw(): void {
    this.traces.resize();
    this.follow();
  }

  /** Take the colours of another theme. */
  recolour(): void {
    this.wave?.setOptions({ waveColor: read("--wave"), progressColor: read("--accent") });
    this.spectrogram.recolour();
    this.lanes.draw();
    this.traces.build();
    this.traces.choose(this.chosen);
    this.fillClasses();
  }

  private showPlaying(playing: boolean): void {
    const button = find("play");
    button.textContent = playing ? "Pause" : "Play";
    button.setAttribute("aria-pressed", String(playing));
    cancelAnimationFrame(this.frame);
    const move = () => {
      this.showTime(this.media.currentTime);
      if (!this.media.paused) this.frame = requestAnimationFrame(move);
    };
    if (playing) move();
  }

  private showTime(seconds: number): void {
    find("clock").textContent = `${clock(seconds)} / ${clock(this.analysis.seconds)}`;
    const slider = find("wave");
    slider.setAttribute("aria-valuemax", this.analysis.seconds.toFixed(1));
    slider.setAttribute("aria-valuenow", seconds.toFixed(1));
    slider.setAttribute("aria-valuetext", clock(seconds));
    this.lanes.mark(seconds);
    this.movePlayhead();
  }

  private movePlayhead(): void {
    const now = this.wave?.getCurrentTime() ?? 0;
    const part = (now - this.start) / (this.end - this.start);
    const playhead = find("playhead");
    playhead.hidden = part < 0 || part > 1;
    playhead.style.left = `${part * 100}%`;
  }

  changeThreshold(by = 0): void {
    const slider = find<HTMLInputElement>("threshold");
    if (by) slider.value = String(Math.min(0.99, Math.max(0.01, Number(slider.value) + by)));
    find("level").textContent = Number(slider.value).toFixed(2);
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.findEvents(), 60);
  }

  private get threshold(): number {
    return Number(find<HTMLInputElement>("threshold").value);
  }

  private async findEvents(): Promise<void> {
    this.asked.abort();
    this.asked = new AbortController();
    const chosen = [...this.chosen];
    try {
      const all = chosen.length === this.names.size;
      const found = chosen.length
        ? await api.findEvents(this.recording.id, this.threshold, all ? [] : chosen, this.asked.signal)
        : { total: 0, events: [] };
      this.events = found.events;
      this.lanes.fill(found.events);
      this.lanes.show(this.start, this.end);
      this.fillTable(found.total);
    } catch (error) {
      if (!(error instanceof DOMException)) this.onError(error);
    }
  }

  private fillTable(total: number): void {
    const shown = this.events.slice(0, SHOWN_EVENTS);
    const more = shown.length < total ? `, the first ${shown.length} shown` : "";
    find("count").textContent = total === 1 ? "1 event" : `${total.toLocaleString("en")} events${more}`;
    const rows = shown.map(([index, start, end, peak]) => {
      const name = visible(this.names.get(index)?.name ?? "");
      const row = element("tr");
      const go = element("button", clock(start), { type: "button", "aria-label": `Go to ${name} at ${clock(start)}` });
      go.addEventListener("click", () => this.seek(start));
      const first = element("td");
      first.append(go);
      const named = element("td", name);
      const mark = element("span", "", { class: "mark" });
      mark.style.background = pick(this.places.get(index) ?? 0);
      named.prepend(mark);
      row.append(first, element("td", clock(end)), named, element("td", peak.toFixed(2), { class: "number" }));
      return row;
    });
    find("events").replaceChildren(...rows);
  }

  private listed(): api.ClassRow[] {
    const wanted = find<HTMLInputElement>("filter").value.trim().toLowerCase();
    return this.analysis.classes.filter((row) => !wanted || row.name.toLowerCase().includes(wanted));
  }

  private fillClasses(): void {
    const rows = this.listed().slice(0, 200).map((row) => {
      const box = element("input", "", { type: "checkbox" });
      box.checked = this.chosen.has(row.index);
      box.addEventListener("change", () => this.choose([row], box.checked));
      const mark = element("span", "", { class: "mark" });
      mark.style.background = pick(this.places.get(row.index) ?? 0);
      const label = element("label");
      label.append(box, mark, element("span", visible(row.name)), element("span", row.peak.toFixed(2), { class: "peak" }));
      const item = element("li");
      item.append(label);
      return item;
    });
    find("classes").replaceChildren(...rows);
    find("chosen").textContent = `${this.chosen.size} of ${this.names.size} chosen`;
  }

  private choose(rows: api.ClassRow[], chosen: boolean): void {
    for (const row of rows) {
      if (chosen) this.chosen.add(row.index);
      else this.chosen.delete(row.index);
    }
    this.fillClasses();
    this.traces.choose(this.chosen);
    void this.findEvents();
  }

  async download(): Promise<void> {
    const format = find<HTMLSelectElement>("format").value;
    const chosen = this.chosen.size === this.names.size ? [] : [...this.chosen];
    try {
      const [blob, name] = await api.download(this.recording.id, format, this.threshold, chosen);
      const link = element("a", "", { href: URL.createObjectURL(blob), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } catch (error) {
      this.onError(error);
    }
  }

  close(): void {
    this.mark.clear();
    this.stop.abort();
    this.asked.abort();
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    this.media.pause();
    this.wave?.destroy();
    this.traces.destroy();
    this.media.removeAttribute("src");
    this.media.load();
    if (this.address.startsWith("blob:")) URL.revokeObjectURL(this.address);
    if (this.recording.kept) void api.discard(this.recording.id);
  }
}
