// Teaching: the examples become a model, and its score is shown.

import * as archive from "./archive";
import * as examples from "./examples";
import { element, find, visible } from "./format";

const SUGGESTED = 20;

export class Teaching {
  private work = new AbortController();
  private suggested: archive.Suggestion[] = [];

  constructor(
    private readonly features: archive.Features,
    private readonly onJudge: (suggested: archive.Suggestion[]) => void,
    private readonly onError: (error: unknown) => void,
  ) {
    find<HTMLFormElement>("lesson").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.teach();
    });
    find("lesson-cancel").addEventListener("click", () => this.work.abort());
    find("judge-suggested").addEventListener("click", () => this.onJudge(this.suggested));
    examples.show();
  }

  private async teach(): Promise<void> {
    this.work = new AbortController();
    const name = find<HTMLInputElement>("lesson-name").value.trim();
    this.showState("Teaching…", true);
    find("report").hidden = true;
    try {
      const suggest = this.features.index ? SUGGESTED : 0;
      const onProgress = (files: number) => this.showState(`Teaching: ${files} files are read`, true);
      this.show(await archive.teach(name, examples.list(), suggest, onProgress, this.work.signal));
      this.showState("", false);
    } catch (error) {
      this.showState(error instanceof DOMException ? "Cancelled" : "", false);
      this.onError(error);
    }
  }

  private showState(text: string, working: boolean): void {
    find("lesson-state").textContent = text;
    find("lesson-bar").hidden = !working;
    find("lesson-cancel").hidden = !working;
    find<HTMLButtonElement>("teach-now").disabled = working;
  }

  private show(lesson: archive.Lesson): void {
    this.suggested = lesson.suggested;
    const percent = (part: number) => `${Math.round(100 * part)} %`;
    const { value, low, high } = lesson.accuracy;
    find("report-text").textContent =
      `${visible(lesson.out)} is ready after ${lesson.seconds.toFixed(1)} s. ` +
      `Accuracy ${percent(value)} (${percent(low)} to ${percent(high)}), in ${lesson.folds} folds over recordings.`;
    find("report-command").textContent = `hearsight serve --model ${visible(lesson.out)}`;
    const rows = lesson.classes.map((one) => {
      const line = element("tr");
      const found = one.found.value === null ? "none" : percent(one.found.value);
      for (const text of [visible(one.name), String(one.num_examples), String(one.num_sources), found])
        line.append(element("td", text, { class: line.children.length ? "number" : "" }));
      return line;
    });
    find("report-rows").replaceChildren(...rows);
    find("report-rejected").replaceChildren(...lesson.rejected.map((text) => element("li", visible(text))));
    find("judge-suggested").hidden = !lesson.suggested.length;
    find("judge-suggested").textContent = `Judge the ${lesson.suggested.length} segments that help most`;
    find("report").hidden = false;
    find("report").focus();
  }
}
