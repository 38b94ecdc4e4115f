/* What the API sends, as far as the dashboard reads it. */

export type Direction =
  | "higher is more alike"
  | "lower is more alike"
  | "higher is better"
  | "lower is better"
  | "lower is flatter"
  | "nearer to zero is more alike"
  | "neither end is better";

export type Reading = "raw" | "above-chance" | "against-seeds";

export interface Card {
  slug: string;
  version: number;
  title: string;
  summary: string;
  family: string;
  topic: string;
  arity: "model" | "pair";
  low: number | null;
  high: number | null;
  identical: number | null;
  direction: Direction;
  symmetric: boolean;
  has_chance_level: boolean;
}

export interface AskedMeasure {
  key: string;
  slug: string;
  version: number;
  parameters: Record<string, number | string>;
  arity: "model" | "pair";
  layers: [string, string][];
  probe: string;
  role: string;
}

export interface Progress {
  state: "running" | "done" | "cancelled" | "failed";
  models_done: number;
  models: number;
  tiles_done: number;
  tiles: number;
  failed: number;
  seconds_left: number | null;
  waiting: string;
  version: number;
}

export interface Comparison {
  id: number;
  project: number;
  project_name: string;
  name: string;
  checkpoints: number[];
  labels: string[];
  probe: string;
  train_probe: string | null;
  measures: AskedMeasure[];
  progress: Progress;
  log: string[];
  notes: string;
  study?: number | null;
  detail_of?: number | null;
  created: string;
}

export interface Checkpoint {
  id: number;
  name: string;
  group: string;
  tags: Record<string, string>;
  notes?: string;
  metrics?: Record<string, number>;
  parent: string | null;
  init_of: string | null;
  teacher: string | null;
  root: string | null;
  run?: string;
  step?: number | null;
  architecture: string | null;
  level: string;
  verification?: { verdict: "unverified" | "checking" | "verified" | "contradicted"; sentence: string };
  parameters: number | null;
  created: string;
}

export interface Band {
  group: string;
  roots: number;
  pairs: number;
  mean: number;
  deviation: number;
  low: number;
  high: number;
}

export interface Reason {
  why: string;
  sentence: string;
}

export interface MatrixHeader {
  measure: string;
  slug: string;
  layer: string | null;
  ids: number[];
  labels: string[];
  warnings: string[];
  order: number[];
  merges: number[][];
  places: number[][];
  role: string;
  n: number;
  method: string;
  version: number;
  reading: Reading;
  band: Band | null;
  reasons: Reason[];
  columns: number;
  is_triangle: boolean;
  has_reasons: boolean;
}

export interface ModelColumn {
  measure: string;
  slug: string;
  layer: string | null;
  n: number;
  role: string;
  method: string;
  warnings: string[];
}

export interface Packed {
  shape: number[];
  data: string;
}

export interface ModelTableDocument {
  ids: number[];
  labels: string[];
  columns: ModelColumn[];
  values: Packed;
  low: Packed;
  high: Packed;
  missing: { row: number; column: number; why: string; sentence: string }[];
  version: number;
}

export interface Estimate {
  kind: "estimate";
  value: number;
  low: number | null;
  high: number | null;
  method: string;
  n: number;
  monte_carlo_error: number | null;
  warning: string;
}

export type Cell = Estimate | (Reason & { kind: "reason" });

export interface PairCell {
  measure: string;
  slug: string;
  layer: string | null;
  cell: Cell;
  rank: number | null;
  of: number | null;
}

export interface PairDifference {
  measure: string;
  layer: string | null;
  value: number;
  low: number | null;
  high: number | null;
  method: string;
}

export interface Share {
  id: number;
  view: string;
  created: string;
  expires: string;
  last_used: string | null;
  revoked: boolean;
  may_export: boolean;
  masked: boolean;
  scope: string;
  made_by: string;
  results_version: number;
  url?: string;
}

/* A tab of a comparison, as the server lists them. */
export interface Tab {
  key: string;
  title: string;
  is_drawn_here: boolean;
  sides: boolean;
  readings: boolean;
  measure: boolean;
  selection: boolean;
}

export interface GroupMean {
  a: string;
  b: string;
  value: number | null;
  low: number | null;
  high: number | null;
  roots_a: number;
  roots_b: number;
  sentence: string;
}

/* How alike the checkpoints of a block are. */
export interface BlockAnswer {
  kind: "within" | "between" | "mixed";
  mean: GroupMean | null;
  others: GroupMean | null;
  test: {
    difference: number;
    low: number | null;
    high: number | null;
    p: number;
    smallest_p: number;
    splits: number;
    method: string;
  } | null;
  sentence: string;
}
