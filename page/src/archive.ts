// What the server knows of many recordings: its index, judgements, and what it has been taught.

import { Refusal, ask, readLines } from "./api";

export interface Features {
  index: { rows: number; recordings: number; columns: string[]; has_map: boolean } | null;
  review: string | null;
  teach: string | null;
}

export interface Row {
  row: number;
  similarity: number;
  source: string;
  start: number;
  duration: number;
  time: string | null;
  tags: string[];
  recording: string;
  metadata: Record<string, string>;
}

export interface MapPoints {
  total: number;
  names: string[];
  rows: number[];
  x: number[];
  y: number[];
  classes: number[];
}

export type Word = "right" | "wrong" | "skip" | "";

export interface ReviewRow {
  row: number;
  key: string;
  recording: string;
  path: string;
  start: number;
  duration: number;
  class: string;
  probability: number | null;
  judgement: Word;
}

export interface Threshold {
  name: string;
  num_judged: number;
  num_right: number;
  precision: Interval;
  threshold: number | null;
  too_few: number;
  true_calls: Interval;
}

export interface Interval {
  value: number;
  low: number;
  high: number;
}

/** A sound with a class: a row of the index, or a span of a recording. */
export interface Example {
  class: string;
  row?: number;
  recording?: string;
  start?: number;
  end?: number;
  wrong?: boolean;
}

export interface Suggestion {
  row: number;
  source: string;
  start: number;
  duration: number;
  recording: string;
  class: string;
  probability: number;
}

export interface Lesson {
  out: string;
  folds: number;
  accuracy: Interval;
  classes: { name: string; num_examples: number; num_sources: number; found: { value: number | null } }[];
  rejected: string[];
  suggested: Suggestion[];
  seconds: number;
}

async function get<T>(path: string): Promise<T> {
  return (await ask(path)).json();
}

async function post(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const init: RequestInit = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return ask(path, signal ? { ...init, signal } : init);
}

export const loadFeatures = () => get<Features>("features");

export async function search(example: Record<string, string | number>, where: string): Promise<Row[]> {
  const values = new URLSearchParams({ top: "50" });
  for (const [name, value] of Object.entries(example)) values.set(name, String(value));
  if (where.trim()) values.set("where", where.trim());
  return (await get<{ found: Row[] }>(`search?${values}`)).found;
}

export const loadMap = () => get<MapPoints>("index/map");
export const loadRow = (row: number) => get<Row>(`index/rows/${row}`);
export const rowSound = (row: number, context = 0) => `index/rows/${row}/sound?context=${context}`;
export const partSound = (key: string, start: number, end: number) =>
  `recordings/${key}/sound?start=${Math.max(0, start).toFixed(3)}&end=${end.toFixed(3)}`;

export const loadReview = () => get<{ takes_more: boolean; rows: ReviewRow[] }>("review");

export async function judge(body: { judgements?: unknown[]; detections?: unknown[] }): Promise<void> {
  await post("review", body);
}

export const loadThresholds = (precision: number) =>
  get<{ classes: Threshold[]; unjudged: string[] }>(`review/thresholds?precision=${precision}`);

export async function teach(
  name: string,
  examples: Example[],
  suggest: number,
  onProgress: (files: number) => void,
  signal: AbortSignal,
): Promise<Lesson> {
  const response = await post("teach", { name, examples, suggest }, signal);
  for await (const said of readLines(response)) {
    if (said.type === "progress") onProgress(Number(said.files));
    else if (said.type === "refusal") throw new Refusal(Number(said.status), String(said.error));
    else return said as unknown as Lesson;
  }
  throw new Refusal(0, "The server ended the answer before it was complete.");
}
