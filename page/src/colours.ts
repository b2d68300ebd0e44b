// Colours come from the style sheet, so that both themes have their own.

/** Twelve hues that stay apart in both themes; lightness is the theme's. */
const HUES = [212, 28, 140, 350, 266, 48, 184, 310, 96, 230, 10, 162];

export function read(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function isDark(): boolean {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

export function pick(place: number): string {
  const hue = HUES[place % HUES.length]!;
  const round = Math.floor(place / HUES.length) % 2;
  return isDark() ? `hsl(${hue} ${70 - 25 * round}% ${66 - 8 * round}%)` : `hsl(${hue} ${68 - 25 * round}% ${40 + 10 * round}%)`;
}

const DARK: [number, number, number][] = [
  [14, 17, 20],
  [38, 32, 84],
  [118, 42, 124],
  [214, 82, 92],
  [250, 168, 84],
  [252, 246, 190],
];
const LIGHT: [number, number, number][] = [
  [255, 255, 255],
  [214, 226, 240],
  [140, 178, 216],
  [72, 112, 178],
  [44, 48, 120],
  [18, 12, 50],
];

/** RGBA words for the bytes of a spectrogram. */
export function makePalette(faintest: number, loudest: number): Uint32Array {
  const stops = isDark() ? DARK : LIGHT;
  const words = new Uint32Array(256);
  for (let value = 0; value < 256; value++) {
    const place = (Math.min(1, Math.max(0, (value - faintest) / (loudest - faintest))) * (stops.length - 1));
    const low = Math.min(stops.length - 2, Math.floor(place));
    const part = place - low;
    const mix = [0, 1, 2].map((channel) => Math.round(stops[low]![channel]! * (1 - part) + stops[low + 1]![channel]! * part));
    words[value] = 0xff000000 | (mix[2]! << 16) | (mix[1]! << 8) | mix[0]!;
  }
  return words;
}
