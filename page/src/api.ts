// What the server answers. Every request goes to the server that sent this page.

export interface Recording {
  id: string;
  name: string;
  size_bytes: number | null;
  kept: boolean;
}

export interface ClassRow {
  index: number;
  name: string;
  peak: number;
}

export interface Analysis {
  seconds: number;
  segments: { starts: number[]; ends: number[] };
  classes: ClassRow[];
  traces: { index: number; values: number[] }[];
  picture: {
    columns: number;
    bands: number;
    tile: number;
    rate: number;
    faintest: number;
    loudest: number;
    highest: number;
  };
}

/** Class, start, end, probability. */
export type Event = [number, number, number, number];

export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function refuse(response: Response): Promise<Refusal> {
  let text = `The server answered with status ${response.status}.`;
  try {
    const body = (await response.json()) as { error?: string; hint?: string };
    if (body.error) text = body.hint ? `${body.error} (${body.hint})` : body.error;
  } catch {
    // no JSON: the sentence above stands
  }
  return new Refusal(response.status, text);
}

export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(0, "The server cannot be reached.");
  }
  if (!response.ok) throw await refuse(response);
  return response;
}

export async function enter(token: string): Promise<void> {
  await ask("session", { method: "POST", headers: { authorization: `Bearer ${token}` } });
}

export async function loadModel(): Promise<{ name: string; classes: string[] }> {
  const body = await (await ask("models")).json();
  return body.models[0];
}

export async function listFolder(): Promise<Recording[]> {
  return (await (await ask("recordings")).json()).recordings;
}

/** Send a file; XMLHttpRequest, because fetch reports no progress of an upload. */
export function send(file: File, onProgress: (part: number) => void, signal: AbortSignal): Promise<Recording> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `recordings?name=${encodeURIComponent(file.name.slice(0, 300))}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 201) resolve(request.response as Recording);
      else {
        const said = request.response as { error?: string } | null;
        reject(new Refusal(request.status, said?.error ?? `The server answered with status ${request.status}.`));
      }
    };
    request.onerror = () => reject(new Refusal(0, "The server cannot be reached, or it ended the upload."));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/** The lines of JSON of a response, as they come. */
export async function* readLines(response: Response): AsyncGenerator<Record<string, unknown>> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    held += value ?? "";
    const lines = held.split("\n");
    held = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line);
    if (done) return;
  }
}

export async function analyse(id: string, onProgress: (seconds: number) => void, signal: AbortSignal): Promise<Analysis> {
  const response = await ask(`recordings/${id}/analysis`, { method: "POST", signal });
  for await (const said of readLines(response)) {
    if (said.type === "progress") onProgress(Number(said.seconds));
    else if (said.type === "refusal") throw new Refusal(Number(said.status), String(said.error));
    else return said as unknown as Analysis;
  }
  throw new Refusal(0, "The server ended the answer before it was complete.");
}

function query(threshold: number, classes: number[]): string {
  const values = new URLSearchParams({ threshold: threshold.toFixed(2) });
  for (const index of classes) values.append("classes", String(index));
  return values.toString();
}

export async function findEvents(
  id: string,
  threshold: number,
  classes: number[],
  signal: AbortSignal,
): Promise<{ total: number; events: Event[] }> {
  return (await ask(`recordings/${id}/events?${query(threshold, classes)}`, { signal })).json();
}

export async function download(id: string, format: string, threshold: number, classes: number[]): Promise<[Blob, string]> {
  const response = await ask(`recordings/${id}/download?format=${format}&${query(threshold, classes)}`);
  const found = /filename\*=UTF-8''(\S+)/.exec(response.headers.get("content-disposition") ?? "");
  return [await response.blob(), found?.[1] ? decodeURIComponent(found[1]) : `events.${format}`];
}

export async function loadBytes(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  return new Uint8Array(await (await ask(path, signal ? { signal } : {})).arrayBuffer());
}

export async function discard(id: string): Promise<void> {
  await fetch(`recordings/${id}`, { method: "DELETE", keepalive: true }).catch(() => undefined);
}

export async function listFormats(): Promise<string[]> {
  return (await (await ask("formats")).json()).formats;
}
