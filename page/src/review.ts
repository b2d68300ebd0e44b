// Review by ear: one detection after another, judged by key.

import * as archive from "./archive";
import { clock, element, find, visible } from "./format";
import { again, hear, stop } from "./sound";

export interface Item {
  name: string;
  source: string;
  start: number;
  end: number;
  probability: number | null;
  sound: string;
  judgement: archive.Word;
  save: (word: archive.Word) => Promise<void>;
  open?: () => void;
}

export class Review {
  private items: Item[] = [];
  private order: number[] = [];
  private place = 0;
  private saving: Promise<void> = Promise.resolve();

  constructor(
    private readonly onError: (error: unknown) => void,
    private readonly onEnd: () => void,
  ) {
    for (const word of ["right", "wrong", "skip"] as const) find(word).addEventListener("click", () => this.judge(word));
    find("back").addEventListener("click", () => this.go(-1));
    find("replay").addEventListener("click", () => this.hear());
    find("review-class").addEventListener("change", () => this.choose());
    find("review-open").addEventListener("click", () => this.current?.open?.());
  }

  /** Begin with the first item that has not been judged. */
  begin(title: string, items: Item[]): void {
    this.items = items;
    find("review-title").textContent = visible(title);
    const names = [...new Set(items.map((one) => one.name))].sort();
    const all = element("option", `All classes (${items.length})`, { value: "" });
    find("review-class").replaceChildren(
      all,
      ...names.map((name) => element("option", `${visible(name)} (${items.filter((one) => one.name === name).length})`, { value: name })),
    );
    this.choose();
  }

  private choose(): void {
    const wanted = find<HTMLSelectElement>("review-class").value;
    this.order = this.items.flatMap((one, place) => (!wanted || one.name === wanted ? [place] : []));
    const first = this.order.findIndex((place) => !this.items[place]!.judgement);
    this.place = first < 0 ? this.order.length : first;
    this.show(false);
  }

  private get current(): Item | undefined {
    return this.items[this.order[this.place] ?? -1];
  }

  hear(): void {
    const one = this.current;
    if (one) hear(one.sound);
    else again();
  }

  go(by: number): void {
    this.place = Math.min(this.order.length, Math.max(0, this.place + by));
    this.show(true);
  }

  /** Judge what is shown, and go on; the judgement is sent meanwhile, in the order of the keys. */
  judge(word: archive.Word): void {
    const one = this.current;
    if (!one) return;
    const before = one.judgement;
    one.judgement = word;
    find("review-saved").textContent = "Saving…";
    this.saving = this.saving
      .then(() => one.save(word))
      .then(() => {
        find("review-saved").textContent = "Saved";
        if (this.isDone) this.onEnd();
      })
      .catch((error: unknown) => {
        one.judgement = before;
        find("review-saved").textContent = "Not saved";
        this.onError(error);
        this.showProgress();
      });
    const next = this.order.findIndex((place, at) => at > this.place && !this.items[place]!.judgement);
    this.place = next < 0 ? this.order.length : next;
    this.show(true);
  }

  private get isDone(): boolean {
    const own = this.order.map((place) => this.items[place]!.judgement);
    return own.every((word) => word) && own.some((word) => word !== "skip");
  }

  private showProgress(): void {
    const own = this.order.map((place) => this.items[place]!);
    const count = (word: archive.Word) => own.filter((one) => one.judgement === word).length;
    const judged = own.filter((one) => one.judgement).length;
    find<HTMLProgressElement>("review-bar").value = own.length ? judged / own.length : 0;
    find("review-count").textContent =
      `${judged} of ${own.length} judged: ${count("right")} right, ${count("wrong")} wrong, ${count("skip")} skipped`;
  }

  private show(play: boolean): void {
    this.showProgress();
    const one = this.current;
    find("card").hidden = !one;
    find("review-done").hidden = !!one || !this.order.length;
    find("review-none").hidden = this.order.length > 0;
    stop();
    if (!one) return;
    find("question").textContent = `Is this ${visible(one.name)}?`;
    const score = one.probability === null ? "" : `, probability ${one.probability.toFixed(2)}`;
    find("review-where").textContent = `${visible(one.source)}, ${clock(one.start)} to ${clock(one.end)}${score}`;
    find("review-open").hidden = !one.open;
    for (const word of ["right", "wrong", "skip"]) find(word).setAttribute("aria-pressed", String(one.judgement === word));
    if (play) this.hear();
  }

  /** Show precision and thresholds of what is in the table. */
  async showThresholds(): Promise<void> {
    const wanted = Number(find<HTMLInputElement>("wanted").value) || 0.9;
    try {
      const { classes, unjudged } = await archive.loadThresholds(wanted);
      const rows = classes.map((one) => {
        const line = element("tr");
        const missing = one.too_few ? "too few judged" : "not reached";
        const share = (part: archive.Interval) => `${Math.round(100 * part.value)} % (${Math.round(100 * part.low)} to ${Math.round(100 * part.high)})`;
        line.append(
          element("td", visible(one.name)),
          element("td", `${one.num_right} of ${one.num_judged}`, { class: "number" }),
          element("td", share(one.precision), { class: "number" }),
          element("td", one.threshold === null ? missing : one.threshold.toFixed(3), { class: "number" }),
          element("td", `${Math.round(one.true_calls.value)} (${Math.round(one.true_calls.low)} to ${Math.round(one.true_calls.high)})`, { class: "number" }),
        );
        return line;
      });
      find("thresholds").replaceChildren(...rows);
      find("threshold-note").textContent = unjudged.length ? `Nothing is judged: ${visible(unjudged.join(", "))}` : "";
      find("threshold-table").hidden = !rows.length;
    } catch (error) {
      this.onError(error);
    }
  }
}
