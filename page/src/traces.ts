// The probabilities of the top classes over time, by uPlot.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Analysis } from "./api";
import { pick, read } from "./colours";

export class Traces {
  private plot: uPlot | null = null;
  private start = 0;
  private end = 1;
  private chosen = new Set<number>();

  constructor(
    private readonly holder: HTMLElement,
    private readonly analysis: Analysis,
    private readonly places: Map<number, number>,
    private readonly onSeek: (seconds: number) => void,
  ) {}

  /** Draw again: at the start, when the theme changes and when the width does. */
  build(): void {
    this.plot?.destroy();
    const { starts, ends } = this.analysis.segments;
    const middles = starts.map((start, place) => (start + ends[place]!) / 2);
    const faint = read("--faint");
    const hair = read("--hair");
    const series: uPlot.Series[] = [{}];
    for (const { index } of this.analysis.traces)
      series.push({ stroke: pick(this.places.get(index) ?? 0), width: 1.5, points: { show: false }, show: this.chosen.has(index) });
    this.plot = new uPlot(
      {
        width: this.holder.clientWidth || 300,
        height: 120,
        padding: [6, 0, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false, min: this.start, max: this.end }, y: { range: [0, 1] } },
        axes: [
          { show: false },
          { stroke: faint, grid: { stroke: hair, width: 1 }, ticks: { show: false }, size: 0, splits: () => [0, 0.5, 1] },
        ],
        series,
      },
      [middles, ...this.analysis.traces.map((trace) => trace.values)],
      this.holder,
    );
    this.plot.over.addEventListener("click", (event) => this.onSeek(this.plot!.posToVal(event.offsetX, "x")));
    this.show(this.start, this.end);
  }

  show(start: number, end: number): void {
    this.start = start;
    this.end = end;
    this.plot?.setScale("x", { min: start, max: end });
  }

  choose(chosen: Set<number>): void {
    this.chosen = chosen;
    this.analysis.traces.forEach(({ index }, place) => this.plot?.setSeries(place + 1, { show: chosen.has(index) }));
  }

  resize(): void {
    if (this.plot && this.holder.clientWidth) this.plot.setSize({ width: this.holder.clientWidth, height: 120 });
  }

  destroy(): void {
    this.plot?.destroy();
    this.plot = null;
  }
}
