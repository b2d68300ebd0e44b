// One player for short parts of recordings; a new one ends the one before.

const audio = new Audio();
let playing: HTMLElement | null = null;
let onFailure: (error: unknown) => void = () => undefined;

export function reportTo(act: (error: unknown) => void): void {
  onFailure = act;
}

/** Play a part; the button that it was asked by shows that it plays. */
export function hear(address: string, button: HTMLElement | null = null): void {
  stop();
  playing = button;
  button?.setAttribute("aria-pressed", "true");
  audio.src = address;
  audio.play().catch((error: unknown) => {
    // a part that another one has replaced, or that the browser plays only after the first key or click
    if (error instanceof DOMException && (error.name === "AbortError" || error.name === "NotAllowedError")) return;
    onFailure(new Error("This part cannot be played: its recording is gone, or cannot be decoded."));
  });
}

export function stop(): void {
  audio.pause();
  playing?.setAttribute("aria-pressed", "false");
  playing = null;
}

/** Play again what was played last. */
export function again(): void {
  if (!audio.getAttribute("src")) return;
  audio.currentTime = 0;
  void audio.play().catch(() => undefined);
}

audio.addEventListener("ended", stop);
