// The spectrogram of the visible span, from tiles of the server: only what is seen is fetched, and it is kept for a while.

import { loadBytes, type Analysis } from "./api";
import { makePalette } from "./colours";

const KEPT_TILES = 96;

export class Spectrogram {
  private readonly tiles = new Map<string, ImageBitmap | null>();
  private readonly bytes = new Map<string, Uint8Array>();
  private palette: Uint32Array;
  private start = 0;
  private end = 1;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly id: string,
    private readonly picture: Analysis["picture"],
    private readonly signal: AbortSignal,
  ) {
    this.palette = makePalette(picture.faintest, picture.loudest);
  }

  /** Paint all tiles again in the colours of the theme. */
  recolour(): void {
    this.palette = makePalette(this.picture.faintest, this.picture.loudest);
    const known = [...this.bytes];
    this.tiles.clear();
    for (const [key, bytes] of known) void this.paint(key, bytes);
    this.draw();
  }

  show(start: number, end: number): void {
    this.start = start;
    this.end = end;
    this.draw();
  }

  private draw(): void {
    const ratio = devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (!width || !height) return;
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    const context = this.canvas.getContext("2d")!;
    context.clearRect(0, 0, width, height);
    const { rate, tile, columns, bands } = this.picture;
    const perPixel = ((this.end - this.start) * rate) / width;
    const level = Math.max(0, Math.min(20, Math.floor(Math.log2(Math.max(1, perPixel)))));
    const step = 2 ** level;
    const span = (tile * step) / rate;
    const scale = width / (this.end - this.start);
    const last = Math.ceil(columns / (tile * step));
    for (let number = Math.floor(this.start / span); number * span < this.end && number < last; number++) {
      const image = this.get(level, number);
      if (!image) continue;
      const seconds = (image.width * step) / rate;
      context.drawImage(image, 0, 0, image.width, bands, (number * span - this.start) * scale, 0, seconds * scale, height);
    }
  }

  private get(level: number, number: number): ImageBitmap | null {
    const key = `${level}/${number}`;
    const known = this.tiles.get(key);
    if (known !== undefined) return known;
    this.tiles.set(key, null);
    loadBytes(`recordings/${this.id}/spectrogram?level=${level}&tile=${number}`, this.signal).then(
      (bytes) => {
        this.bytes.set(key, bytes);
        this.forget();
        return this.paint(key, bytes);
      },
      () => this.tiles.delete(key),
    );
    return null;
  }

  private async paint(key: string, bytes: Uint8Array): Promise<void> {
    const { bands } = this.picture;
    const columns = bytes.length / bands;
    if (!columns) return;
    const image = new ImageData(columns, bands);
    const words = new Uint32Array(image.data.buffer);
    for (let column = 0; column < columns; column++)
      for (let band = 0; band < bands; band++)
        words[(bands - 1 - band) * columns + column] = this.palette[bytes[column * bands + band]!]!;
    this.tiles.set(key, await createImageBitmap(image));
    this.draw();
  }

  private forget(): void {
    while (this.bytes.size > KEPT_TILES) {
      const oldest = this.bytes.keys().next().value!;
      this.bytes.delete(oldest);
      this.tiles.get(oldest)?.close();
      this.tiles.delete(oldest);
    }
  }
}
