// The parts of the page, one of which is shown.

import { find } from "./format";
import { stop } from "./sound";

export const PARTS = ["listen", "search", "map", "review", "teach"] as const;
export type Part = (typeof PARTS)[number];

let shown: Part = "listen";

export function current(): Part {
  return shown;
}

export function isOffered(part: Part): boolean {
  return !find(`tab-${part}`).hidden;
}

export function offer(part: Part, offered: boolean): void {
  find(`tab-${part}`).hidden = !offered;
  find("tabs").hidden = PARTS.filter(isOffered).length < 2;
}

export function show(part: Part): void {
  shown = part;
  stop();
  for (const one of PARTS) {
    find(`part-${one}`).hidden = one !== part;
    const tab = find(`tab-${one}`);
    tab.setAttribute("aria-selected", String(one === part));
    tab.tabIndex = one === part ? 0 : -1;
  }
}

/** Tabs that are clicked, or walked through by arrow keys. */
export function start(onShow: (part: Part) => void): void {
  for (const part of PARTS) {
    const tab = find(`tab-${part}`);
    tab.addEventListener("click", () => onShow(part));
    tab.addEventListener("keydown", (event) => {
      const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      const offered = PARTS.filter(isOffered);
      const next = offered[(offered.indexOf(part) + by + offered.length) % offered.length]!;
      onShow(next);
      find(`tab-${next}`).focus();
    });
  }
  show("listen");
}
